// Says hello: to whoever invokes it, and to who comes through an API (a proxy integration's event).
export const handler = async (event) => {
  const name = event.queryStringParameters?.name ?? event.name ?? 'stranger';
  console.log('greeting', name);
  const answer = { greeting: `Hello, ${name}!` };
  if (!event.httpMethod) return answer;
  return { statusCode: 200, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(answer) };
};
