// Answers with what Node finds in the event and in its context.
export const handler = async (event, context) => ({
  statusCode: event.httpMethod === 'POST' ? '201' : 200,
  multiValueHeaders: { 'Set-Cookie': ['a=1', 'b=2'], 'Content-Type': ['application/json'] },
  body: JSON.stringify({
    path: event.path,
    query: event.multiValueQueryStringParameters,
    body: event.body,
    function: context.functionName,
    id: context.awsRequestId,
    trace: process.env._X_AMZN_TRACE_ID,
  }),
});
