// A worker in TypeScript's SDK for the tests of the claim check across languages.
//
//   node worker.js ADDRESS TASK_QUEUE codec URL
//   node worker.js ADDRESS TASK_QUEUE bucket BUCKET ENDPOINT
//
// With the first it reaches the claim check by a codec of its own, as any program would write it;
// with the second it has the SDK's own S3 driver, and knows nothing of the claim check.
const { NativeConnection, Worker } = require('@temporalio/worker');

const THRESHOLD_BYTES = 51_200;

class RemoteCodec {
  constructor(endpoint) {
    this.endpoint = endpoint;
  }

  encode(payloads) {
    return this.convert('encode', payloads);
  }

  decode(payloads) {
    return this.convert('decode', payloads);
  }

  async convert(verb, payloads) {
    const answer = await fetch(`${this.endpoint}/${verb}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ payloads: payloads.map(toJson) }),
    });
    if (answer.status !== 200) {
      throw new Error(`The codec server answered ${answer.status}: ${await answer.text()}`);
    }
    const converted = (await answer.json()).payloads.map(fromJson);
    if (converted.length !== payloads.length) {
      throw new Error('The codec server answered with another number of payloads.');
    }
    return converted;
  }
}

function toJson({ metadata, data, externalPayloads }) {
  return {
    metadata: mapped(metadata, toBase64),
    data: toBase64(data),
    externalPayloads: (externalPayloads ?? []).map((each) => ({ sizeBytes: String(each.sizeBytes) })),
  };
}

function fromJson({ metadata, data, externalPayloads }) {
  return {
    metadata: mapped(metadata, fromBase64),
    data: fromBase64(data),
    externalPayloads: (externalPayloads ?? []).map((each) => ({ sizeBytes: Number(each.sizeBytes) })),
  };
}

function toBase64(bytes) {
  return Buffer.from(bytes ?? []).toString('base64');
}

function fromBase64(text) {
  return new Uint8Array(Buffer.from(text ?? '', 'base64'));
}

function mapped(values, change) {
  return Object.fromEntries(Object.entries(values ?? {}).map(([key, value]) => [key, change(value)]));
}

function dataConverterFor(door, first, second) {
  if (door === 'codec') {
    return { payloadCodecs: [new RemoteCodec(first)] };
  }
  const { S3Client } = require('@aws-sdk/client-s3');
  const { ExternalStorage } = require('@temporalio/common');
  const { S3StorageDriver } = require('@temporalio/external-storage-s3');
  const { AwsSdkS3StorageDriverClient } = require('@temporalio/external-storage-s3-aws-sdk');
  const s3 = new S3Client({ endpoint: second, forcePathStyle: true });
  const driver = new S3StorageDriver({
    client: new AwsSdkS3StorageDriverClient(s3),
    bucket: first,
  });
  return {
    externalStorage: new ExternalStorage({
      drivers: [driver],
      payloadSizeThreshold: THRESHOLD_BYTES,
    }),
  };
}

async function main() {
  const [address, taskQueue, door, first, second] = process.argv.slice(2);
  const worker = await Worker.create({
    connection: await NativeConnection.connect({ address }),
    taskQueue,
    workflowsPath: require.resolve('./workflows'),
    activities: { upper: async (text) => text.toUpperCase() },
    dataConverter: dataConverterFor(door, first, second),
  });
  const running = worker.run();
  console.log('ready');
  await running;
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
