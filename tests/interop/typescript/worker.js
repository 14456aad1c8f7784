// A worker in TypeScript's SDK for the tests of the claim check across languages:
//
//   node worker.js TASK_QUEUE
const { NativeConnection, Worker } = require('@temporalio/worker');

const { dataConverter } = require('./converter');

async function main() {
  const worker = await Worker.create({
    connection: await NativeConnection.connect({ address: process.env.INTEROP_ADDRESS }),
    taskQueue: process.argv[2],
    workflowsPath: require.resolve('./workflows'),
    activities: { upper: async (text) => text.toUpperCase() },
    dataConverter: dataConverter(),
  });
  const running = worker.run();
  console.log('ready');
  await running;
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
