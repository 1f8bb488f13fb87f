// The Runtime API client of Node functions: what the image of AWS does for a handler, with `http` alone.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createRequire } from 'node:module';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import util from 'node:util';

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
// One connection does it; an error has to get through beside an answer that streams.
const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const INTEGRATION_RESPONSE = 'application/vnd.awslambda.http-integration-response';

let current = null; // The invocation whose answer is due.

globalThis.awslambda = {
  streamifyResponse(handler, options) {
    handler[STREAMING] = 'response';
    if (options?.highWaterMark !== undefined) handler.highWaterMark = Number(options.highWaterMark);
    return handler;
  },
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType(INTEGRATION_RESPONSE);
      stream.prelude = Buffer.concat([Buffer.from(JSON.stringify(prelude ?? {})), Buffer.alloc(8)]);
      return stream;
    },
  },
};

function call(method, at, headers, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, agent, method, path: '/2018-06-01/runtime' + at, headers }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({ response, body: parts.length === 1 ? parts[0] : Buffer.concat(parts) }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

function post(at, text, more) {
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text), ...more };
  return call('POST', at, headers, text);
}

function described(error) {
  if (error instanceof Error || util.types.isNativeError(error)) {
    const trace = (error.stack || '').split('\n');
    return { errorType: error.name, errorMessage: error.message, trace };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

function postError(at, error) {
  const shape = described(error);
  const type = /^[\x21-\x7e]+$/.test(shape.errorType) ? shape.errorType : 'Error';
  return post(at, JSON.stringify(shape), { 'Lambda-Runtime-Function-Error-Type': type });
}

function failure(errorType, message) {
  const error = new Error(message);
  error.name = errorType;
  return error;
}

// What `console` writes, with the time and the id of the request, as functions' logs have it.
function patchConsole() {
  const levels = { trace: 'TRACE', debug: 'DEBUG', log: 'INFO', info: 'INFO', warn: 'WARN', error: 'ERROR' };
  for (const [name, level] of Object.entries(levels)) {
    console[name] = (...values) => {
      const text = util.format(...values).replace(/\n/g, '\r');
      const id = current?.id ?? 'undefined';
      process.stdout.write(`${new Date().toISOString()}\t${id}\t${level}\t${text}\n`);
    };
  }
}

async function load() {
  const root = process.env.LAMBDA_TASK_ROOT;
  const written = process.env._HANDLER ?? '';
  const base = path.basename(written);
  const [, file, names] = /^([^.]*)\.(.+)$/.exec(base) ?? [];
  if (!file || written.includes('..')) {
    throw failure('Runtime.MalformedHandlerName', `'${written}' is not a handler; write FILE.NAME`);
  }
  const stem = path.resolve(root, path.dirname(written), file);
  const found = ['.js', '.mjs', '.cjs', ''].map((ending) => stem + ending)
    .find((name) => fs.statSync(name, { throwIfNoEntry: false })?.isFile());
  let module;
  try {
    if (found) module = await import(pathToFileURL(found));
    else module = createRequire(path.join(root, 'index.js'))(stem);
  } catch (error) {
    if (error instanceof SyntaxError) throw failure('Runtime.UserCodeSyntaxError', String(error.stack ?? error));
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
      throw failure('Runtime.ImportModuleError', String(error));
    }
    throw error;
  }
  const walk = (from) => names.split('.').reduce((value, name) => value?.[name], from);
  const handler = walk(module) ?? walk(module.default);
  if (handler === undefined) throw failure('Runtime.HandlerNotFound', `${written} is undefined or not exported`);
  if (typeof handler !== 'function') throw failure('Runtime.HandlerNotFound', `${written} is not a function`);
  return handler;
}

// The answer of a streaming handler; the request opens with the first byte, so that an error before it is a plain one.
class ResponseStream extends Writable {
  constructor(id, highWaterMark) {
    super({ highWaterMark });
    this.id = id;
    this.contentType = 'application/octet-stream';
    this.request = null;
    this.prelude = null;
  }

  setContentType(contentType) {
    this.contentType = contentType;
  }

  open() {
    if (this.request) return;
    const headers = {
      'Content-Type': this.contentType,
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      'Transfer-Encoding': 'chunked',
      Trailer: 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body',
    };
    const at = `/2018-06-01/runtime/invocation/${this.id}/response`;
    this.answered = new Promise((resolve, reject) => {
      this.request = http.request({ host, port, agent, method: 'POST', path: at, headers }, (response) => {
        response.resume();
        response.on('end', resolve);
      });
      this.request.on('error', reject);
    });
    this.answered.catch(() => {});
    if (this.prelude) this.request.write(this.prelude);
  }

  _write(chunk, encoding, done) {
    this.open();
    this.request.write(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk, done);
  }

  _final(done) {
    this.open();
    this.request.end();
    this.answered.then(() => done(), done);
  }

  async fail(error) {
    if (!this.request) return postError(`/invocation/${this.id}/error`, error);
    const shape = described(error);
    this.request.addTrailers({
      'Lambda-Runtime-Function-Error-Type': /^[\x21-\x7e]+$/.test(shape.errorType) ? shape.errorType : 'Error',
      'Lambda-Runtime-Function-Error-Body': Buffer.from(JSON.stringify(shape)).toString('base64'),
    });
    this.request.end();
    return this.answered;
  }
}

async function stream(handler, event, context, id) {
  const output = new ResponseStream(id, handler.highWaterMark);
  const finished = new Promise((resolve, reject) => output.once('finish', resolve).once('error', reject));
  finished.catch(() => {});
  try {
    await handler(event, output, context);
    await Promise.race([finished, emptyLoop(() => failure('Runtime.NodeJsExit', 'the response stream was not ended'))]);
  } catch (error) {
    await output.fail(error);
  }
}

// Rejects, or resolves, once nothing is left that could still happen.
function emptyLoop(outcome) {
  return new Promise((resolve, reject) => {
    current.onEmpty = () => {
      const result = outcome();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
  });
}

process.on('beforeExit', () => {
  const invocation = current;
  const onEmpty = invocation?.onEmpty;
  if (onEmpty) {
    invocation.onEmpty = null;
    onEmpty();
  }
});

// The first word counts, of the callback, the context's functions, the promise and what is thrown; it is this invocation's,
// whenever it comes. Only a value that was called back waits until nothing else is left to happen.
function answer(handler, event, context) {
  const own = current;
  return new Promise((resolve, reject) => {
    let said = false;
    const first = (act) => (...values) => {
      if (said) return;
      said = true;
      own.onEmpty = null;
      act(...values);
    };
    const isError = (error) => error !== undefined && error !== null;
    const callback = first((error, value) => {
      if (isError(error)) reject(error);
      else if (context.callbackWaitsForEmptyEventLoop) own.onEmpty = () => resolve(value);
      else resolve(value);
    });
    const fail = first(reject);
    const succeed = first(resolve);
    context.done = (error, value) => (isError(error) ? fail(error) : succeed(value));
    context.succeed = succeed;
    context.fail = (error) => fail(isError(error) ? error : 'handled');
    let returned;
    try {
      returned = handler(event, context, callback);
    } catch (error) {
      fail(error);
      return;
    }
    const isPromise = typeof returned?.then === 'function';
    if (isPromise) returned.then(succeed, fail);
    if (said) return;
    const never = 'a promise was never settled: the event loop is empty and there is no answer';
    own.onEmpty = () => (isPromise ? reject(failure('Runtime.NodeJsExit', never)) : resolve(null));
  });
}

function contextOf(headers) {
  const parsed = (name) => (headers[name] ? JSON.parse(headers[name]) : undefined);
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    clientContext: parsed('lambda-runtime-client-context'),
    identity: parsed('lambda-runtime-cognito-identity'),
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

async function serve(handler) {
  for (;;) {
    const { response, body } = await call('GET', '/invocation/next', {});
    if (response.statusCode !== 200) throw new Error(`the next invocation is refused: ${response.statusCode}`);
    const id = response.headers['lambda-runtime-aws-request-id'];
    const trace = response.headers['lambda-runtime-trace-id'];
    if (trace) process.env._X_AMZN_TRACE_ID = trace;
    current = { id, onEmpty: null };
    const at = `/invocation/${id}`;
    let result;
    try {
      const context = contextOf(response.headers);
      const event = JSON.parse(body.toString());
      if (handler[STREAMING]) {
        await stream(handler, event, context, id);
        current = null;
        continue;
      }
      result = JSON.stringify((await answer(handler, event, context)) ?? null) ?? 'null';
    } catch (error) {
      console.error('Invoke Error', JSON.stringify(described(error)));
      await postError(`${at}/error`, error);
      current = null;
      continue;
    }
    current.onEmpty = null;
    await post(`${at}/response`, result);
    current = null;
  }
}

async function fatal(error, type, code) {
  const wrapped = type ? failure(type, String(error?.message ?? error)) : error;
  if (type && error?.stack) wrapped.stack = error.stack;
  console.error(type ?? 'Uncaught Exception', JSON.stringify(described(wrapped)));
  const at = current ? `/invocation/${current.id}/error` : '/init/error';
  try {
    await postError(at, wrapped);
  } finally {
    process.exit(code);
  }
}

patchConsole();
process.on('uncaughtException', (error) => fatal(error, undefined, 129));
process.on('unhandledRejection', (error) => fatal(error, 'Runtime.UnhandledPromiseRejection', 128));
let handler;
try {
  handler = await load();
} catch (error) {
  await fatal(error, undefined, 1);
}
await serve(handler);
