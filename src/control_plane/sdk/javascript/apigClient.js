/* Generated from an API's deployment. It needs `fetch`: any current browser, or Node.js 18 and later. */
"use strict";

var apigClientFactory = (function () {
    var INVOKE_URL = @INVOKE_URL@;

    var METHODS = @METHODS@;

    function isGiven(value) {
        return value !== undefined && value !== null;
    }

    function picked(names, from) {
        var result = {};
        (names || []).forEach(function (name) {
            if (isGiven(from[name])) {
                result[name] = from[name];
            }
        });
        return result;
    }

    function requireAll(functionName, method, params) {
        var missing = (method.required || []).filter(function (name) { return !isGiven(params[name]); });
        if (missing.length > 0) {
            throw new Error(functionName + ": missing required parameters: " + missing.join(", "));
        }
    }

    function expanded(method, params) {
        return method.path.replace(/\{([^{}+]+)\+?\}/g, function (_, name) {
            var value = String(params[name]);
            return name === method.rest ? value.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(value);
        });
    }

    function queryString(values) {
        var pairs = [];
        Object.keys(values).forEach(function (name) {
            [].concat(values[name]).forEach(function (value) {
                if (isGiven(value)) {
                    pairs.push(encodeURIComponent(name) + "=" + encodeURIComponent(value));
                }
            });
        });
        return pairs.length > 0 ? "?" + pairs.join("&") : "";
    }

    function has(headers, wanted) {
        return Object.keys(headers).some(function (name) { return name.toLowerCase() === wanted; });
    }

    function requestHeaders(config, method, params, additional, hasBody) {
        var headers = Object.assign(picked(method.headers, params), additional.headers);
        if (config.apiKey && !has(headers, "x-api-key")) {
            headers["x-api-key"] = config.apiKey;
        }
        if (!has(headers, "accept")) {
            headers.Accept = config.defaultAcceptType || "application/json";
        }
        if (hasBody && !has(headers, "content-type")) {
            headers["Content-Type"] = config.defaultContentType || "application/json";
        }
        return headers;
    }

    function isPlain(body) {
        if (typeof body !== "object") {
            return typeof body !== "string";
        }
        var prototype = Object.getPrototypeOf(body);
        return Array.isArray(body) || prototype === Object.prototype || prototype === null;
    }

    function responseData(response, responseType) {
        if (responseType === "arraybuffer") {
            return response.arrayBuffer();
        }
        if (responseType === "blob") {
            return response.blob();
        }
        return response.text().then(function (text) {
            if (responseType === "text" || text === "") {
                return text;
            }
            try {
                return JSON.parse(text);
            } catch (error) {
                return text;
            }
        });
    }

    function answered(response, responseType) {
        return responseData(response, responseType).then(function (data) {
            var headers = {};
            response.headers.forEach(function (value, name) { headers[name] = value; });
            var result = { status: response.status, statusText: response.statusText, headers: headers, data: data };
            if (response.ok) {
                return result;
            }
            var error = new Error("Request failed with status code " + response.status);
            error.response = result;
            throw error;
        });
    }

    function invoke(config, functionName, method, params, body, additional) {
        if (method.signed) {
            throw new Error(functionName + ": the method asks for a signature (AWS_IAM), which this client does not make");
        }
        requireAll(functionName, method, params);
        var httpMethod = method.httpMethod === "ANY" ? additional.httpMethod || "GET" : method.httpMethod;
        var hasBody = httpMethod !== "GET" && httpMethod !== "HEAD" && isGiven(body) && body !== "";
        var query = Object.assign(picked(method.query, params), additional.queryParams);
        var invokeUrl = (config.invokeUrl || INVOKE_URL).replace(/\/+$/, "");
        var options = {
            method: httpMethod,
            headers: requestHeaders(config, method, params, additional, hasBody),
            signal: additional.signal
        };
        if (hasBody) {
            options.body = isPlain(body) ? JSON.stringify(body) : body;
        }
        return fetch(invokeUrl + expanded(method, params) + queryString(query), options).then(function (response) {
            return answered(response, additional.responseType);
        });
    }

    function newClient(config) {
        var client = {};
        Object.keys(METHODS).forEach(function (functionName) {
            client[functionName] = function (params, body, additionalParams) {
                var method = METHODS[functionName];
                // Without a prototype: a parameter may be named `constructor`.
                var given = Object.assign(Object.create(null), params);
                return new Promise(function (resolve) {
                    resolve(invoke(config || {}, functionName, method, given, body, additionalParams || {}));
                });
            };
        });
        return client;
    }

    return { newClient: newClient };
})();

if (typeof module !== "undefined" && module.exports) {
    module.exports = apigClientFactory;
}
