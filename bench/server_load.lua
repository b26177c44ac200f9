-- wrk's requests: REQUEST=infer (JSON with a PNG), v2 (binary tensors), v2json.
local kind = os.getenv("REQUEST") or "v2"
local function read(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end
local header = '{"inputs":[{"name":"input_image","datatype":"FP32","shape":[1,1,28,28],'
wrk.method = "POST"
if kind == "infer" then
    wrk.path = "/infer"
    wrk.headers["Content-Type"] = "application/json"
    wrk.body = read(os.getenv("BODY"))
elseif kind == "v2" then
    local json = header .. '"parameters":{"binary_data_size":3136}}],'
                 .. '"parameters":{"binary_data_output":true}}'
    wrk.path = "/v2/models/mnist/infer"
    wrk.headers["Content-Type"] = "application/octet-stream"
    wrk.headers["Inference-Header-Content-Length"] = tostring(#json)
    wrk.body = json .. ("\0\0\0\63"):rep(784)
else
    wrk.path = "/v2/models/mnist/infer"
    wrk.headers["Content-Type"] = "application/json"
    wrk.body = header .. '"data":[0.5' .. (",0.5"):rep(783) .. "]}]}"
end
wrk.headers["Content-Length"] = tostring(#wrk.body)
done = function(summary, latency, requests)
    local failed = summary.errors.status + summary.errors.connect + summary.errors.read
                   + summary.errors.write + summary.errors.timeout
    io.write(string.format("RESULT %d %.6f %.1f %.1f %.1f %d\n", summary.requests,
        summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
        latency:percentile(99.9), failed))
end
