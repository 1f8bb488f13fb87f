// Says one thing, waits until a file is there, and says another: what comes before it was not kept back.
import fs from 'node:fs';

export const handler = awslambda.streamifyResponse(async (event, stream) => {
  const { file, fail } = event.queryStringParameters;
  const metadata = { statusCode: 203, headers: { 'Content-Type': 'text/event-stream', 'X-From': 'node' }, cookies: ['a=1', 'b=2'] };
  stream = awslambda.HttpResponseStream.from(stream, metadata);
  stream.write('data: first\n\n');
  while (!fs.existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 5));
  if (fail) process.exit(3);
  stream.write('data: second\n\n');
  stream.end();
});
