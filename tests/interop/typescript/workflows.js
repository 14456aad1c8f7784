// Hands its input to an activity, wherever that runs, and returns what comes back.
const { proxyActivities } = require('@temporalio/workflow');

exports.relay = async function relay(text, taskQueue, activityType) {
  const activities = proxyActivities({ taskQueue, startToCloseTimeout: '1 minute' });
  return await activities[activityType](text);
};
