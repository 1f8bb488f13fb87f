/* Generated from an API's deployment. It needs `fetch`: any current browser, or Node.js 18 and later. */

export interface ClientOptions {
    /** Where the stage is reached. */
    invokeUrl?: string;
    /** Sent as `x-api-key`. */
    apiKey?: string;
    /** Sent with every request. */
    headers?: { [name: string]: string };
}

export interface RequestOptions {
    headers?: { [name: string]: string };
    queryParams?: { [name: string]: QueryValue };
    signal?: AbortSignal;
    /** For methods that take any. */
    httpMethod?: string;
}

export interface ApiResponse<Data> {
    status: number;
    headers: { [name: string]: string };
    data: Data;
}

export type Scalar = string | number | boolean;
export type QueryValue = Scalar | readonly Scalar[] | undefined;

/** Any answer but a 2xx. */
export class ApiError extends Error {
    readonly response: ApiResponse<unknown>;

    constructor(response: ApiResponse<unknown>) {
        super(`Request failed with status code ${response.status}`);
        this.name = "ApiError";
        this.response = response;
    }
}
@MODELS@
interface Method {
    httpMethod: string;
    path: string;
    /** The path parameter that takes the rest of the path. */
    rest?: string;
    query?: string[];
    headers?: string[];
    required?: string[];
    signed?: boolean;
}

const INVOKE_URL: string = @INVOKE_URL@;

const METHODS: { [name: string]: Method } = @METHODS@;

type Parameters = { [name: string]: QueryValue };

function picked(names: string[] | undefined, from: Parameters): Parameters {
    const given = (names ?? []).filter((name) => from[name] !== undefined);
    return Object.fromEntries(given.map((name) => [name, from[name]]));
}

function expanded(method: Method, parameters: Parameters): string {
    return method.path.replace(/\{([^{}+]+)\+?\}/g, (_, name: string) => {
        const value = String(parameters[name]);
        return name === method.rest ? value.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(value);
    });
}

function queryString(values: Parameters): string {
    const pairs = Object.entries(values).flatMap(([name, value]) => {
        const list = value === undefined ? [] : Array.isArray(value) ? value : [value];
        return list.map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`);
    });
    return pairs.length > 0 ? `?${pairs.join("&")}` : "";
}

function isPlain(body: unknown): boolean {
    if (typeof body !== "object" || body === null) {
        return typeof body !== "string";
    }
    const prototype: unknown = Object.getPrototypeOf(body);
    return Array.isArray(body) || prototype === Object.prototype || prototype === null;
}

function parsed(text: string): unknown {
    try {
        return text === "" ? undefined : JSON.parse(text);
    } catch {
        return text;
    }
}

export class Client {
    private readonly options: ClientOptions;

    constructor(options: ClientOptions = {}) {
        this.options = options;
    }
@FUNCTIONS@
    private async invoke<Data>(
        functionName: string,
        parameters: object,
        body: unknown,
        options: RequestOptions,
    ): Promise<ApiResponse<Data>> {
        const method = METHODS[functionName]!;
        // Without a prototype: a parameter may be named `constructor`.
        const given: Parameters = Object.assign(Object.create(null), parameters);
        if (method.signed) {
            throw new Error(`${functionName}: the method asks for a signature (AWS_IAM), which this client does not make`);
        }
        const missing = (method.required ?? []).filter((name) => given[name] === undefined);
        if (missing.length > 0) {
            throw new Error(`${functionName}: missing required parameters: ${missing.join(", ")}`);
        }
        const httpMethod = method.httpMethod === "ANY" ? (options.httpMethod ?? "GET") : method.httpMethod;
        const hasBody = httpMethod !== "GET" && httpMethod !== "HEAD" && body !== undefined;
        const headers = new Headers({ accept: "application/json", ...this.options.headers, ...options.headers });
        for (const [name, value] of Object.entries(picked(method.headers, given))) {
            headers.set(name, String(value));
        }
        if (this.options.apiKey !== undefined) {
            headers.set("x-api-key", this.options.apiKey);
        }
        if (hasBody && isPlain(body) && !headers.has("content-type")) {
            headers.set("content-type", "application/json");
        }
        const invokeUrl = (this.options.invokeUrl ?? INVOKE_URL).replace(/\/+$/, "");
        const query = queryString({ ...picked(method.query, given), ...options.queryParams });
        const answer = await fetch(invokeUrl + expanded(method, given) + query, {
            method: httpMethod,
            headers,
            ...(hasBody ? { body: isPlain(body) ? JSON.stringify(body) : (body as BodyInit) } : {}),
            ...(options.signal === undefined ? {} : { signal: options.signal }),
        });
        const data = parsed(await answer.text());
        const response = { status: answer.status, headers: Object.fromEntries([...answer.headers]), data };
        if (!answer.ok) {
            throw new ApiError(response);
        }
        return response as ApiResponse<Data>;
    }
}
