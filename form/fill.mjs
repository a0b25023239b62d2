// Run by `make form`: fills in the form that the spec defines, as a person would, and sends it. The
// result must pass the connector's check against a sandbox; a picture of each goes to docs/images/.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { buildSync } from "esbuild";
import { chromium } from "playwright-core";
import { tagOf } from "./airbyte.mjs";

const { PYTHON = "python3", CHROMIUM = "chromium" } = process.env;
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const IMAGES = join(ROOT, "docs", "images");
const PAGE = join(ROOT, "form", "build", "form.html");

function specification() {
  const lines = execFileSync(PYTHON, ["main.py", "spec"], { cwd: ROOT, encoding: "utf8" });
  const messages = lines.trim().split("\n").map((line) => JSON.parse(line));
  return messages.find(({ type }) => type === "SPEC").spec.connectionSpecification;
}

// A single file that needs no server, so that it can also be opened by hand.
function writePage(specification) {
  const bundle = buildSync({
    entryPoints: [join(ROOT, "form", "page.jsx")],
    bundle: true,
    minify: true,
    write: false,
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const inScript = (text) => text.replaceAll("</script", "<\\/script");
  mkdirSync(join(PAGE, ".."), { recursive: true });
  writeFileSync(
    PAGE,
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>Set up Pipedrive</title>
<style>${readFileSync(join(ROOT, "form", "page.css"), "utf8")}</style>
<main><h1>Set up Pipedrive</h1><div id="form"></div></main>
<script>window.specification = ${inScript(JSON.stringify(specification))}</script>
<script>${inScript(bundle.outputFiles[0].text)}</script></html>`,
  );
}

async function startSandbox() {
  const arguments_ = ["-m", "pipedrive_sandbox", "--port", "0", "--scale", "0.1"];
  const process_ = spawn(PYTHON, arguments_, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  const over = once(process_, "exit").then(() => {
    throw new Error("The sandbox did not start.");
  });
  const [ready] = await Promise.race([once(createInterface(process_.stdout), "line"), over]);
  over.catch(() => {}); // once it has started, its exit is expected
  return { process: process_, ...JSON.parse(ready) };
}

/** A person filling in the form: finds fields by their labels and opens collapsed sections. */
class Person {
  constructor(page, specification) {
    this.page = page;
    this.specification = specification;
  }

  /** The schema at a path such as `credentials.api_token`, in whichever branch it is. */
  at(path) {
    const below = (schema, name) =>
      [schema, ...(schema.oneOf ?? [])].map((each) => each.properties?.[name]).find(Boolean);
    return path.split(".").reduce(below, this.specification);
  }

  async find(path) {
    const field = this.page.getByLabel(this.at(path).title, { exact: true });
    for (const collapsed of await this.page.locator("details:not([open])").all()) {
      if (await field.isVisible()) break;
      await collapsed.locator("> summary").click();
    }
    return field;
  }

  async type(path, text) {
    const field = await this.find(path);
    await field.fill("");
    await field.pressSequentially(String(text));
  }

  /** Chooses the branch with this const, by the branch's title. */
  async choose(path, value) {
    const choice = this.at(path);
    const tag = tagOf(choice);
    const branch = choice.oneOf.find(({ properties }) => properties[tag].const === value);
    await (await this.find(path)).selectOption({ label: branch.title });
  }

  async send() {
    await this.page.getByRole("button", { name: "Set up source" }).click();
    return this.page.evaluate(() => window.sent);
  }

  /** Sends a form that must be refused with `count` messages, each containing `expected`. */
  async refused(what, count, expected) {
    const sent = await this.send();
    const messages = await this.page.getByRole("alert").allTextContents();
    const asExpected = messages.every((message) => message.includes(expected));
    if (sent || messages.length !== count || !asExpected) {
      throw new Error(`${what}: sent ${Boolean(sent)}, messages ${JSON.stringify(messages)}`);
    }
    console.log(`refused   ${what}: ${messages.join(" ")}`);
  }

  /** Takes a picture of the whole form, with every section open. */
  async photograph(name) {
    await this.send(); // clears the messages of earlier attempts
    await this.page.evaluate(() => {
      document.activeElement.blur();
      for (const details of document.querySelectorAll("details")) details.open = true;
    });
    mkdirSync(IMAGES, { recursive: true });
    await this.page.locator("main").screenshot({ path: join(IMAGES, name) });
  }
}

const descriptor = (person, path) => person.at(path).pattern_descriptor;

// The pictures show the defaults, and so come before any other change.
async function withApiToken(person, box, image) {
  await person.choose("credentials", "api_token");
  await person.refused("an empty token", 1, "Fill in this field.");
  await person.type("credentials.api_token", "two words");
  await person.refused("a token with a space", 1, descriptor(person, "credentials.api_token"));
  await person.type("credentials.api_token", box.api_token);
  await person.photograph(image);
  await person.type("daily_token_reserve", 95);
  await person.refused("a reserve of 95 %", 1, "90 or less");
  await person.type("daily_token_reserve", 20);
}

async function withOAuth(person, box, image) {
  await person.choose("credentials", "oauth2.0");
  await person.refused("an empty app", 3, "Fill in this field.");
  for (const name of ["client_id", "client_secret", "refresh_token"]) {
    await person.type(`credentials.${name}`, box[name]);
  }
  await person.photograph(image);
  await person.choose("custom_field_columns", "raw");
  await person.choose("history", "start_date");
  await person.refused("an empty date", 1, "Fill in this field.");
  await person.type("history.start_date", "31/12/2023");
  await person.refused("a date with slashes", 1, descriptor(person, "history.start_date"));
  await person.type("history.start_date", "2024-01-01");
}

function check(config) {
  const folder = mkdtempSync(join(tmpdir(), "form-")); // only this user can read it
  try {
    const file = join(folder, "config.json");
    writeFileSync(file, JSON.stringify(config));
    const options = { cwd: ROOT, encoding: "utf8" };
    const { stdout } = spawnSync(PYTHON, ["main.py", "check", "--config", file], options);
    const messages = stdout.trim().split("\n").map((line) => JSON.parse(line));
    const outcome = messages.find(({ type }) => type === "CONNECTION_STATUS")?.connectionStatus;
    if (outcome?.status === "SUCCEEDED") return;
    throw new Error(`check: ${outcome?.message ?? "no answer"}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function openBrowser() {
  const found = execFileSync("sh", ["-c", 'command -v "$0"', CHROMIUM], { encoding: "utf8" });
  // Chromium refuses to run as root inside its own sandbox.
  return chromium.launch({ executablePath: found.trim(), chromiumSandbox: process.getuid() !== 0 });
}

const KINDS = [
  ["API token", withApiToken, "form-api-token.png"],
  ["OAuth", withOAuth, "form-oauth.png"],
];

const browser = await openBrowser();
const spec = specification();
writePage(spec);
const box = await startSandbox();
try {
  for (const [kind, fill, image] of KINDS) {
    const page = await browser.newPage({ viewport: { width: 760, height: 900 } });
    page.setDefaultTimeout(10_000);
    await page.goto(pathToFileURL(PAGE).href);
    const person = new Person(page, spec);
    await fill(person, box, image);
    const sent = await person.send();
    if (!sent) throw new Error(`${kind}: ${await page.getByRole("alert").allTextContents()}`);
    check({ ...sent, api_url: box.url });
    const { credentials, ...rest } = sent;
    const keys = Object.keys(credentials).join(", ");
    console.log(`accepted  ${kind}: ${keys}; ${JSON.stringify(rest)}`);
  }
} finally {
  await browser.close();
  box.process.kill();
}
