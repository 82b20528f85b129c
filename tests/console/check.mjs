// Uses the console of `drover serve` as people do, in a real browser: by mouse, by keyboard, without
// JavaScript, on a telephone, in the dark.
//
// Usage: node check.mjs PATH-TO-DROVER PATH-TO-WORKSPACE [FOLDER-FOR-SCREENSHOTS]
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import http from "node:http";
import { createInterface } from "node:readline";

import { chromium } from "playwright-core";

const [drover, workspace, pictures] = process.argv.slice(2);
const BROWSER = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
};
// The first use of a function builds it.
const BUILD = 300_000;
const WAIT = 20_000;
const [APP01, DB01, WEB02] = ["s-0123456789abcdef0", "s-0123456789abcdef3", "s-0123456789abcdef5"];

let checks = 0;
const problems = [];

function check(isSo, what) {
  checks += 1;
  if (!isSo) problems.push(what);
}

/** An account of its own, and its address. */
async function serve() {
  const served = spawn(drover, ["serve", "--port", "0", "--quiet"], {
    cwd: workspace, stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: served.stdout });
  const [first] = await new Promise((done) => lines.once("line", (line) => done([line])));
  return { served, url: first.slice(first.indexOf("http://")).trim() };
}

/** The status of a request with headers that a browser would not let a page set. */
function status(url, method, path, headers, body = "") {
  const { hostname, port } = new URL(url);
  return new Promise((done, failed) => {
    const request = http.request({ hostname, port, method, path, headers }, (answer) => {
      answer.resume();
      answer.on("end", () => done(answer.statusCode));
    });
    request.on("error", failed);
    request.end(body);
  });
}

/** Opens a page that must load nothing from elsewhere and meet no error. */
async function open(context, url) {
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT);
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) problems.push(`the page asks for ${request.url()}`);
  });
  page.on("pageerror", (error) => problems.push(`the script failed: ${error}`));
  page.on("console", (line) => {
    if (line.type() === "error") problems.push(`the browser complains: ${line.text()}`);
  });
  await page.goto(url);
  return page;
}

const row = (page, id) => page.locator(`#row-${id}`);
const says = (locator, text) => locator.filter({ hasText: text }).first().waitFor();

async function aRefusedServerIsApprovedPlannedAndDisconnected(page) {
  await says(row(page, WEB02), "not approved");
  await page.click(`#plan-${WEB02}`);
  await row(page, WEB02).getByText("approval tag is missing").waitFor({ timeout: BUILD });
  check(await row(page, WEB02).getByText("refused").isVisible(), "a refusal shows in the row");

  await page.fill(`#request-${WEB02}`, "CHG0042");
  await page.click(`#plan-${WEB02}`);
  await says(row(page, WEB02).locator(".decision"), "CHG0042");
  // The ID that was typed is still there after an action.
  await page.click(`#approve-${WEB02}`);
  await says(row(page, WEB02), "approved CHG0042");
  const focused = await page.evaluate(() => document.activeElement.id);
  check(focused === `approve-${WEB02}`, `the focus stays on the button: ${focused}`);
  await page.click(`#plan-${WEB02}`);
  await says(row(page, WEB02), `Would disconnect ${WEB02}`);
  const card = page.locator(".card").first();
  check((await card.innerText()).includes(`disconnect ${WEB02}`), "the plan says what it would do");
  check(await row(page, WEB02).getByText("CONTINUOUS").isVisible(), "a plan changes nothing");

  await card.getByRole("button", { name: "Enforce this plan" }).click();
  await says(row(page, WEB02), "DISCONNECTED");
  await says(page.locator(".card").first(), "done");
  await says(row(page, WEB02), "staging area for");
  check(await page.locator(".timeline .changed").count() >= 2, "changes are marked in the timeline");
}

async function timePasses(page, minutes, said) {
  const before = await page.locator("#notice p").getAttribute("data-number");
  await page.fill("#minutes", String(minutes));
  await page.click("#advance");
  // The same words twice are said twice.
  await page.waitForFunction(
    (number) => document.querySelector("#notice p").dataset.number > number, Number(before),
  );
  await says(page.locator("#notice"), `${said} passed`);
}

async function aServerIsRetiredAndItsRecordIsGone(page) {
  const request = {
    version: 1, requestID: "CHG0031234", expiresAt: "{{now+12h}}", action: "retire",
    targets: [{ sourceServerID: APP01 }],
  };
  await page.fill("#event-text", JSON.stringify(request, null, 2));
  await page.check("#mode-enforce");
  await page.click("#send-event");
  await says(row(page, APP01), "pending");
  // Nobody enforces because somebody did before.
  await page.locator("#mode-plan:checked").waitFor();

  await timePasses(page, 90, "1 h 30 min");
  await says(page.locator(".timeline"), "1 h 30 min passed");
  await page.locator(".card").first().getByRole("button", { name: "Send the follow-up" }).click();
  await row(page, APP01).waitFor({ state: "detached" });
  await says(page.locator(".card").first(), "No record of the server exists");
}

async function whatIsTypedIsKeptWhileTheAccountChanges(page, url) {
  const field = page.locator(`#request-${DB01}`);
  await field.fill("half an ID");
  await field.evaluate((input) => input.setSelectionRange(2, 6));
  await page.locator(".card summary").first().evaluate((summary) => summary.parentElement.open = true);
  // The rows tell how long ago a decision was made, so each of them is replaced.
  const row = await page.locator(`#row-${DB01} .decision .meta`).innerText();
  await status(url, "POST", "/local/advance", { host: new URL(url).host }, '{"minutes": 61}');

  await page.waitForFunction(
    ([selector, before]) => document.querySelector(selector).innerText !== before,
    [`#row-${DB01} .decision .meta`, row],
  );
  const kept = await page.evaluate(() => {
    const input = document.activeElement;
    return [input.id, input.value, input.selectionStart, input.selectionEnd].join(" ");
  });
  check(kept === `request-${DB01} half an ID 2 6`, `text, focus and selection stay: ${kept}`);
  check(await page.locator(".card details[open]").count() === 1, "what was opened stays open");
}

async function faultsAreInjected(page) {
  await page.fill("#fault-operation", "DescribeTeapots");
  await page.click("#inject-fault");
  await says(page.locator("#notice .bad"), "not an emulated operation");
  await page.fill("#fault-operation", "DescribeSourceServers");
  await page.selectOption("#fault-kind", "access_denied");
  await page.click("#inject-fault");
  await says(page.locator("#faults"), "access denied waits for DescribeSourceServers");
}

async function onlyItsOwnPagesMayAct(url) {
  const { host, port } = new URL(url);
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const post = (headers) => status(url, "POST", "/console/advance", { ...form, ...headers }, "minutes=1");

  check(await post({ host, origin: url }) === 303, "a page of this port may act");
  check(await post({ host, origin: "http://example.com" }) === 403, "no page of elsewhere may act");
  check(await post({ host }) === 403, "nobody without an origin may act");
  const cross = { host, origin: url, "sec-fetch-site": "cross-site" };
  check(await post(cross) === 403, "nobody from another site may act");
  const rebound = `example.com:${port}`;
  check(await status(url, "GET", "/", { host: rebound }) === 403, "no other host name is served");
  check(await status(url, "GET", "/", { host: "localhost:1" }) === 403, "no other port is served");
  check(await status(url, "GET", "/health", { host }) === 200, "the account is healthy");
}

async function itWorksWithoutAScript(browser, url) {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await open(context, url);
  await page.click(`#plan-${DB01}`);
  await page.waitForURL(/#decisions$/);
  check((await row(page, DB01).innerText()).includes("protection tag is set"), "a form plans without a script");

  await page.fill("#q", "node0");
  await page.getByRole("button", { name: "Find" }).click();
  check(await page.locator(".servers tbody").count() === 9, "servers are found without a script");
  await page.click("#protect-s-00000000000001001");
  check(page.url().includes("q=node0"), "an action keeps what was searched for");
  check((await row(page, "s-00000000000001001").innerText()).includes("protected"), "a server is protected");
  await context.close();
}

/** An account that tries to be a page. */
const HOSTILE = {
  account: "111122223333",
  region: "us-east-1",
  drs: {
    "us-east-1": {
      sourceServers: [{
        sourceServerID: "s-00000000000000001",
        hostname: "<img src=x onerror=document.title='owned'>",
        tags: { Name: "</span><script>document.title='owned'</script>", "drover:protected": "\"'><b id=owned>" },
      }],
    },
  },
  efs: {
    "us-east-1": { fileSystems: [{ fileSystemId: "fs-00000001", tags: { Name: "source" } }] },
    "eu-west-1": { fileSystems: [{ fileSystemId: "fs-00000002", protection: "REPLICATING" }] },
  },
  replications: [{
    sourceRegion: "us-east-1", sourceFileSystemId: "fs-00000001",
    destinationRegion: "eu-west-1", destinationFileSystemId: "fs-00000002",
    createdAt: "2026-11-21T00:00:00Z", firstSyncEndsAt: "2026-11-21T00:10:00Z",
  }],
};

async function aWorldIsImportedAndItsTextsStayTexts(page) {
  await page.fill("#world-text", "{}");
  await page.click("#import-world");
  await says(page.locator("#notice .bad"), "Not a world");

  const world = { ...HOSTILE, now: "2026-11-22T00:00:00Z" };
  await page.setInputFiles("#world-file", {
    name: "world.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(world)),
  });
  await page.fill("#world-text", "");
  await page.click("#import-world");
  await says(page.locator("#notice"), "The account is now 111122223333");
  await says(row(page, "s-00000000000000001"), "<script>");
  await says(page.locator(".pairs li").first(), "ENABLED");
  check(await page.locator(".pairs li").count() === 1, "a replica stands beside its source");
  check(await page.locator("main img, main script, #owned").count() === 0, "no text becomes an element");
  check(await page.title() === "drover", "no text becomes a script");
}

async function aKeyboardIsEnough(page) {
  await page.goto(page.url().split("#")[0]);
  await page.keyboard.press("Tab");
  check(await page.evaluate(() => document.activeElement.className) === "skip", "the first stop skips the banner");
  const unnamed = await page.evaluate(() => {
    const fields = [...document.querySelectorAll("input:not([type=hidden]), select, textarea")];
    return fields.filter((field) => field.labels.length === 0).map((field) => field.id);
  });
  check(unnamed.length === 0, `every field has a label: ${unnamed}`);
  await page.focus(`#plan-${DB01}`);
  await page.keyboard.press("Tab");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineWidth);
  check(outline === "2px", `the focus is visible: ${outline}`);
}

/** Texts with less contrast than WCAG AA wants, by colour. */
function pale() {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = ([red, green, blue]) => {
    const linear = [red, green, blue].map((channel) => {
      const part = channel / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = new Set();
  for (const element of document.querySelectorAll("body *")) {
    const isText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!isText || !element.checkVisibility() || element.closest(":disabled")) continue;
    const [one, other] = [channels(getComputedStyle(element).color), ground(element)].map(luminance);
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) found.add(`${element.tagName}.${element.className} ${ratio.toFixed(2)}`);
  }
  return [...found];
}

async function itFitsEveryScreen(browser, url) {
  for (const colorScheme of ["light", "dark"]) {
    for (const [width, height] of [[360, 780], [1280, 860]]) {
      const context = await browser.newContext({ colorScheme, viewport: { width, height } });
      const page = await open(context, url);
      await page.locator("#live.on").waitFor();
      const name = `${width}-${colorScheme}`;
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      check(wide === 0, `${name}: nothing is wider than the screen, but for ${wide} pixels`);
      const faint = await page.evaluate(pale);
      check(faint.length === 0, `${name}: texts have contrast: ${faint.join(", ")}`);
      if (pictures) await page.screenshot({ path: `${pictures}/${name}.png` });
      await context.close();
    }
  }
}

if (pictures) mkdirSync(pictures, { recursive: true });
const { served, url } = await serve();
const browser = await chromium.launch(BROWSER);
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  const page = await open(context, url);
  await onlyItsOwnPagesMayAct(url);
  await aRefusedServerIsApprovedPlannedAndDisconnected(page);
  await timePasses(page, 1, "1 min");
  await timePasses(page, 1, "1 min");
  await timePasses(page, 90, "1 h 30 min");
  await aServerIsRetiredAndItsRecordIsGone(page);
  await itWorksWithoutAScript(browser, url);
  await whatIsTypedIsKeptWhileTheAccountChanges(page, url);
  await faultsAreInjected(page);
  await aKeyboardIsEnough(page);
  await itFitsEveryScreen(browser, url);
  await aWorldIsImportedAndItsTextsStayTexts(page);
} finally {
  await browser.close();
  served.kill();
}
for (const problem of problems) console.log(problem);
console.log(`${checks} checks, ${problems.length} failed`);
process.exit(problems.length === 0 ? 0 : 1);
