// A client in TypeScript's SDK for the tests of the claim check across languages:
//
//   node client.js start ID WORKFLOW_QUEUE ACTIVITY_QUEUE   sends what it reads, writes the result
//   node client.js read ID                                  writes the result of a workflow
const { readFileSync } = require('node:fs');
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');

const { Client, Connection } = require('@temporalio/client');

const { dataConverter } = require('./converter');

async function main() {
  const [verb, workflowId, workflowQueue, activityQueue] = process.argv.slice(2);
  const connection = await Connection.connect({ address: process.env.INTEROP_ADDRESS });
  const client = new Client({ connection, dataConverter: dataConverter() });
  if (verb === 'start') {
    await client.workflow.start('relay', {
      workflowId,
      taskQueue: workflowQueue,
      args: [readFileSync(0, 'utf8'), activityQueue, 'upper'],
    });
  }
  const result = await client.workflow.getHandle(workflowId).result();
  await pipeline(Readable.from([result]), process.stdout);
  await connection.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
