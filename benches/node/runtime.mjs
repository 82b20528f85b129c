// The loop of a custom runtime: it costs Node less than AWS's own runtime client does.

import { Agent, request } from "node:http";

const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new Agent({ keepAlive: true });

function call(method, path, body = "") {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const sent = request({ hostname, port, agent, method, path: `/2018-06-01/runtime/${path}`, headers }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => resolve({ headers: answer.headers, body: Buffer.concat(chunks).toString() }));
      answer.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Works on events until the process is ended. */
export async function run(handler) {
  for (;;) {
    const event = await call("GET", "invocation/next");
    const id = event.headers["lambda-runtime-aws-request-id"];
    try {
      const answer = await handler(JSON.parse(event.body));
      await call("POST", `invocation/${id}/response`, JSON.stringify(answer));
    } catch (error) {
      const { name, message } = error;
      await call("POST", `invocation/${id}/error`, JSON.stringify({ errorType: name, errorMessage: message }));
    }
  }
}

/** The answer to an event, or to each record of a batch of a queue: those that failed are delivered again. */
export async function each(event, answer) {
  if (!event.Records) return answer(event);
  const failed = [];
  for (const { messageId, body } of event.Records) {
    try {
      await answer(JSON.parse(body));
    } catch (error) {
      console.log(JSON.stringify({ messageId, error: `${error.name}: ${error.message}` }));
      failed.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures: failed };
}

/** The part of a request that is the same for both jobs; throws the name of the rule that is broken. */
export function parse(event, detailType, targets, fields) {
  if ((event["detail-type"] ?? detailType) !== detailType) throw new Rejected("unsupported_event");
  if (event.source?.startsWith("aws.")) throw new Rejected("reserved_source");
  const request = event.detail ?? event;
  if (request.version !== 1) throw new Rejected("unsupported_version");
  if (Object.keys(request).some((name) => !fields.includes(name))) throw new Rejected("unknown_field");
  if (!request.requestID) throw new Rejected("missing_field");
  const asked = request[targets];
  if (!Array.isArray(asked) || asked.length < 1 || asked.length > 100) throw new Rejected("invalid_value");
  const left = Date.parse(request.expiresAt) - Date.now();
  if (!(left > 0 && left <= 24 * 3600 * 1000)) throw new Rejected("expired");
  return request;
}

/** The event is not a request that may be worked on. */
export class Rejected extends Error {}

/** The outcome of a request is the first of these that any of its targets has. */
const ORDER = ["indeterminate", "pending", "failed", "refused", "planned", "done", "already_done"];

/** The answer, which is logged as well. */
export function report(requestID, targets) {
  const outcome = ORDER.find((known) => targets.some((target) => target.outcome === known)) ?? "rejected";
  const answer = { requestID, outcome, targets };
  console.log(JSON.stringify(answer));
  return answer;
}
