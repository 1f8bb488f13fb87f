// An Express application, as it would run anywhere, with serverless-http around it. What it needs is found by NODE_PATH.
const express = require('express');
const serverless = require('serverless-http');

const app = express();
app.set('query parser', 'extended');
app.use(express.json());
app.use(express.urlencoded({ extended: true }));
app.use(express.raw({ type: 'application/octet-stream' }));

app.get('/seen', (request, response) => {
  const { method, path, query, ip } = request;
  const { stage } = request.apiGateway.event.requestContext;
  response.json({ method, path, query, ip, stage, cookies: request.get('Cookie'), list: request.get('X-List') });
});
app.get('/items/:item', (request, response) => response.json(request.params));
app.post('/json', (request, response) => response.status(201).json({ got: request.body }));
app.post('/form', (request, response) => {
  response.cookie('session', 's1', { httpOnly: true });
  response.cookie('theme', 'dark');
  response.send(request.body);
});
app.post('/turned', (request, response) => response.type('application/octet-stream').send(Buffer.from(request.body).reverse()));
app.get('/moved', (request, response) => response.redirect('/default/express/seen'));
app.delete('/nothing', (request, response) => response.sendStatus(204));
app.get('/fails', () => { throw new Error('nobody catches this'); });

exports.handler = serverless(app, { basePath: '/express', binary: ['application/octet-stream'], request: (request, event, context) => {
  request.apiGateway = { event, context };
} });
