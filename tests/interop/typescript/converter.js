// Data converters of the two kinds that the tests of the claim check across languages have.
//
// With INTEROP_CODEC it reaches the claim check by a codec of its own, as any program would write
// it; with INTEROP_BUCKET it has the SDK's own S3 driver, and knows nothing of the claim check.
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

function dataConverter() {
  const { INTEROP_CODEC, INTEROP_BUCKET, INTEROP_ENDPOINT } = process.env;
  if (!INTEROP_BUCKET) {
    return { payloadCodecs: [new RemoteCodec(INTEROP_CODEC)] };
  }
  const { S3Client } = require('@aws-sdk/client-s3');
  const { ExternalStorage } = require('@temporalio/common');
  const { S3StorageDriver } = require('@temporalio/external-storage-s3');
  const { AwsSdkS3StorageDriverClient } = require('@temporalio/external-storage-s3-aws-sdk');
  const s3 = new S3Client({ endpoint: INTEROP_ENDPOINT, forcePathStyle: true });
  const driver = new S3StorageDriver({
    client: new AwsSdkS3StorageDriverClient(s3),
    bucket: INTEROP_BUCKET,
  });
  return {
    externalStorage: new ExternalStorage({
      drivers: [driver],
      payloadSizeThreshold: THRESHOLD_BYTES,
    }),
  };
}

exports.dataConverter = dataConverter;
