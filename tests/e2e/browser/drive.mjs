// Drives Chromium by commands on standard input: one JSON object a line,
// { do, with }; the answer is one line, { ok } or { error }.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { buildSync } from "esbuild";
import { chromium } from "playwright-core";

const SOON = 30_000;
const base = process.env.BASE;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    `--use-file-for-fake-audio-capture=${process.env.VOICE}`,
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
  ],
});
const context = await browser.newContext({
  viewport: { width: 1440, height: 900 },
  locale: "en-GB",
  // The certificate of SIP over WebSocket is the story's own.
  ignoreHTTPSErrors: true,
});
await context.grantPermissions(["microphone"], { origin: base });
await context.addInitScript(() => localStorage.setItem("trunkline.e2e", "1"));
const page = await context.newPage();
page.setDefaultTimeout(SOON);
page.on("pageerror", (error) => console.error("page:", error.message));

const at = (id) => page.getByTestId(id).first();

// The call is on screen before its audio has arrived.
const playing = () => page.waitForFunction(() => window.__trunkline?.remoteStream?.getAudioTracks().length > 0);

// The loudest frequency of what the page plays, once it is near `hz`.
async function hear({ hz }) {
  await playing();
  return page.evaluate(
    async ({ hz, limit }) => {
      const audio = new AudioContext();
      const stream = window.__trunkline.remoteStream;
      const analyser = audio.createAnalyser();
      analyser.fftSize = 8192;
      audio.createMediaStreamSource(stream).connect(analyser);
      const bins = new Float32Array(analyser.frequencyBinCount);
      const until = performance.now() + limit;
      let peak = 0;
      while (performance.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, 200));
        analyser.getFloatFrequencyData(bins);
        const loudest = bins.indexOf(Math.max(...bins));
        peak = (loudest * audio.sampleRate) / analyser.fftSize;
        if (bins[loudest] > -60 && Math.abs(peak - hz) < 30) return peak;
      }
      throw new Error(`heard ${peak} Hz instead of ${hz}`);
    },
    { hz, limit: SOON },
  );
}

// The level in dB at `hz` of what the page plays, the highest over `ms`; ends sooner where `enough` says so.
async function level(hz, ms, enough) {
  await playing();
  return page.evaluate(
    async ({ hz, ms, enough }) => {
      const audio = new AudioContext();
      const stream = window.__trunkline.remoteStream;
      const analyser = audio.createAnalyser();
      analyser.fftSize = 8192;
      analyser.smoothingTimeConstant = 0;
      audio.createMediaStreamSource(stream).connect(analyser);
      const bins = new Float32Array(analyser.frequencyBinCount);
      const bin = Math.round((hz * analyser.fftSize) / audio.sampleRate);
      const until = performance.now() + ms;
      let highest = -Infinity;
      while (performance.now() < until && highest < enough) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        // Another leg plays now: listen to that one.
        if (window.__trunkline.remoteStream !== stream) return null;
        analyser.getFloatFrequencyData(bins);
        highest = Math.max(highest, ...bins.slice(bin - 2, bin + 3));
      }
      await audio.close();
      return highest;
    },
    { hz, ms, enough },
  );
}

const HEARD_DB = -60;

// Whether other tones play or not.
async function tone({ hz }) {
  const until = performance.now() + SOON;
  while (performance.now() < until) {
    const found = await level(hz, 5_000, HEARD_DB);
    if (found !== null && found >= HEARD_DB) return found;
  }
  throw new Error(`never heard ${hz} Hz`);
}

async function faults(path, scheme) {
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
  await page.goto(base + path);
  await page.waitForLoadState("domcontentloaded");
  await page.locator("main, form").first().waitFor();
  await page.waitForTimeout(500);
  await page.evaluate(axe);
  const result = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }),
  );
  return result.violations.map((fault) => `${path} ${scheme}: ${fault.id} at ${fault.nodes[0].target}`);
}

// JsSIP as one script for the page.
function jssip() {
  const entry = createRequire(import.meta.url).resolve("jssip");
  const built = buildSync({ entryPoints: [entry], bundle: true, format: "iife", globalName: "JsSIP", write: false });
  return `${built.outputFiles[0].text}; window.JsSIP = JsSIP;`;
}

// Waits for something of the page's SIP phone.
const phone = async (what) => {
  const found = await page.waitForFunction(what, undefined, { timeout: SOON });
  return found.jsonValue();
};

const actions = {
  /** A SIP phone in the page, which is none of ours: JsSIP, registered. */
  async sip_phone({ url, user, password }) {
    await page.goto(`${base}/login`);
    await page.evaluate(jssip());
    return page.evaluate(
      ({ url, user, password, limit }) =>
        new Promise((resolve, reject) => {
          const sockets = [new window.JsSIP.WebSocketInterface(url)];
          const uri = `sip:${user}@localhost`;
          const ua = new window.JsSIP.UA({ sockets, uri, password, register_expires: 60 });
          const phone = { ua, session: null, over: null, from: null };
          window.__phone = phone;
          const listen = (connection) =>
            connection.addEventListener("track", ({ track }) => {
              const remoteStream = new MediaStream([track]);
              // Chromium gives sound of a peer to others only while it is played.
              const player = new Audio();
              player.srcObject = remoteStream;
              void player.play();
              window.__trunkline = { remoteStream };
            });
          ua.on("newRTCSession", ({ session, originator }) => {
            Object.assign(phone, { session, over: null, from: null });
            if (originator === "remote") phone.from = session.remote_identity.uri.user;
            if (session.connection) listen(session.connection);
            else session.on("peerconnection", ({ peerconnection }) => listen(peerconnection));
            for (const end of ["ended", "failed"]) {
              session.on(end, ({ originator, cause }) => {
                phone.over = `${originator}: ${cause}`;
              });
            }
          });
          ua.on("registered", () => resolve(ua.contact.uri.toString()));
          ua.on("registrationFailed", ({ cause }) => reject(new Error(`registration: ${cause}`)));
          setTimeout(() => reject(new Error("never registered")), limit);
          ua.start();
        }),
      { url, user, password, limit: SOON },
    );
  },
  /** The number that rings the phone. */
  async sip_rings() {
    return phone(() => window.__phone.from);
  },
  async sip_answers() {
    await page.evaluate(() => window.__phone.session.answer({ mediaConstraints: { audio: true, video: false } }));
    await phone(() => window.__phone.session.isEstablished());
  },
  async sip_calls(user) {
    await page.evaluate((user) => {
      window.__phone.ua.call(`sip:${user}@localhost`, { mediaConstraints: { audio: true, video: false } });
    }, user);
    await phone(() => window.__phone.session !== null);
  },
  async sip_talks() {
    await phone(() => window.__phone.session.isEstablished());
  },
  async sip_holds(on) {
    await page.evaluate(
      (on) =>
        new Promise((resolve, reject) => {
          const { session } = window.__phone;
          if (!(on ? session.hold({}, resolve) : session.unhold({}, resolve))) reject(new Error("not now"));
        }),
      on,
    );
  },
  async sip_hangs_up() {
    await page.evaluate(() => window.__phone.session.terminate());
  },
  /** Who ended the call, and why. */
  async sip_over() {
    return phone(() => window.__phone.over);
  },
  /** The network goes away without a word, and comes back. */
  async sip_reconnects() {
    await page.evaluate(
      () =>
        new Promise((resolve) => {
          window.__phone.ua.once("registered", resolve);
          window.__phone.ua.transport.socket._ws.close();
        }),
    );
  },
  async log_in({ email, password }) {
    await page.goto(`${base}/login`);
    await page.locator("input[type=email]").fill(email);
    await page.locator("input[type=password]").fill(password);
    await at("login-submit").click();
    await page.waitForURL((url) => !url.pathname.startsWith("/login"));
  },
  async available() {
    await page.goto(`${base}/desk`);
    await at("desk-available").click();
    await page.waitForFunction(
      () => /available/i.test(document.querySelector('[data-testid="state-label"]')?.textContent ?? ""),
    );
  },
  async offer() {
    await at("offer-card").waitFor();
    return at("offer-card").innerText();
  },
  async accept() {
    await at("offer-accept").click();
    await at("call-end").waitFor();
  },
  hear,
  tone,
  /** The highest level of a tone that should not be there. */
  async quiet({ hz, ms }) {
    const found = await level(hz, ms, 0);
    if (found === null || found > HEARD_DB) throw new Error(`heard ${hz} Hz at ${found} dB`);
    return found;
  },
  /** A tone that was there ends: what was under way is still heard for a moment. */
  async falls_silent({ hz, ms }) {
    const until = performance.now() + SOON;
    while (performance.now() < until) {
      const found = await level(hz, ms, HEARD_DB);
      if (found !== null && found < HEARD_DB) return found;
    }
    throw new Error(`${hz} Hz goes on`);
  },
  /** From the click until the tone, in milliseconds. */
  async press_and_hear({ id, hz }) {
    const began = performance.now();
    await at(id).click();
    await tone({ hz });
    return performance.now() - began;
  },
  async fill({ id, text }) {
    await at(id).fill(text);
  },
  /** A row is picked up and dropped on another one. */
  async drag({ from, to }) {
    const row = ({ id, text }) => page.getByTestId(id).filter({ hasText: text }).first();
    await row(from).dragTo(row(to));
  },
  async pick({ id, index }) {
    await at(id).selectOption({ index });
  },
  /** By what it says. */
  async press_named({ role, name }) {
    await page.getByRole(role, { name }).first().click();
  },
  async absent(id) {
    if (await at(id).isVisible()) throw new Error(`${id} is there`);
  },
  // The agent presses F5 in the middle of a call.
  async reload() {
    await page.reload();
    await at("call-end").waitFor();
  },
  /** What an element says. */
  async text(id) {
    await at(id).waitFor();
    return at(id).innerText();
  },
  /** Waits until it says so. */
  async says({ id, text }) {
    await page.getByTestId(id).filter({ hasText: text }).first().waitFor();
  },
  /** What each of them says. */
  async texts(id) {
    await at(id).waitFor();
    return page.getByTestId(id).allInnerTexts();
  },
  /** The same on another page, in a tab of its own; the desk stays where it is. */
  async look({ path, ids }) {
    const tab = await context.newPage();
    try {
      await tab.goto(base + path);
      const found = {};
      for (const id of ids) {
        await tab.getByTestId(id).first().waitFor({ timeout: SOON });
        found[id] = await tab.getByTestId(id).first().innerText();
      }
      return found;
    } finally {
      await tab.close();
    }
  },
  /** The wait of the only caller on the monitor, as shown now and after each of so many seconds. */
  async waits({ seconds }) {
    const tab = await context.newPage();
    try {
      await tab.goto(`${base}/live`);
      const cell = tab.getByTestId("live-call-wait").first();
      await cell.getByText(":").waitFor({ timeout: SOON });
      const shown = [];
      for (let n = 0; n <= seconds; n += 1) {
        shown.push(await cell.innerText());
        await tab.waitForTimeout(1_000);
      }
      return shown;
    } finally {
      await tab.close();
    }
  },
  /** Marks the only caller on the monitor as important; how long until the row says so. */
  async vip() {
    const tab = await context.newPage();
    try {
      await tab.goto(`${base}/live`);
      const row = tab.getByTestId("live-call-row").first();
      await row.waitFor({ timeout: SOON });
      await row.getByTestId("vip-star").waitFor({ timeout: SOON });
      if (await row.getByTestId("vip").isVisible()) throw new Error("marked already");
      const began = performance.now();
      await row.getByTestId("vip-star").click();
      await row.getByTestId("vip").waitFor({ timeout: SOON });
      return performance.now() - began;
    } finally {
      await tab.close();
    }
  },
  /** The first row of the report by number. */
  async report_by_number() {
    const tab = await context.newPage();
    try {
      await tab.goto(`${base}/reports`);
      await tab.locator("select").filter({ has: tab.locator('option[value="did"]') }).selectOption("did");
      await tab.getByTestId("report-show").click();
      const row = tab.getByTestId("report-row").first();
      await row.waitFor({ timeout: SOON });
      return await row.innerText();
    } finally {
      await tab.close();
    }
  },
  /** Keys, one after the other, such as "a" or "Control+k". */
  async keys(all) {
    for (const key of all) await page.keyboard.press(key);
  },
  async types(text) {
    await page.keyboard.type(text);
  },
  /** Tab until the element has the focus. */
  async tab_to(id) {
    for (let i = 0; i < 80; i += 1) {
      if (await page.evaluate((id) => document.activeElement?.dataset.testid === id, id)) return;
      await page.keyboard.press("Tab");
    }
    throw new Error(`${id} is not reached by Tab`);
  },
  async opens(path) {
    await page.goto(base + path);
    await page.locator("main").waitFor();
  },
  async sees(id) {
    await at(id).waitFor();
  },
  async loses(id) {
    await at(id).waitFor({ state: "detached" });
  },
  async state(name) {
    await page.locator(`[data-testid="state-label"][data-state="${name}"]`).waitFor();
  },
  async press(id) {
    await at(id).click();
  },
  async wrap_up() {
    const choice = at("wrapup-disposition");
    await choice.waitFor();
    if ((await choice.evaluate((node) => node.tagName)) === "SELECT") {
      await choice.selectOption({ index: 1 });
    } else {
      await choice.click();
      await page.getByRole("option").first().click();
    }
    await at("wrapup-finish").click();
    await page.waitForFunction(
      () => /available/i.test(document.querySelector('[data-testid="state-label"]')?.textContent ?? ""),
    );
  },
  async axe(paths) {
    const found = [];
    for (const path of paths) {
      for (const scheme of ["light", "dark"]) found.push(...(await faults(path, scheme)));
    }
    return found;
  },
  /** How far the page is wider than the window, in pixels; a picture of it where a file is named. */
  async overflow({ path, width, scheme = "light", file }) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width, height: 900 });
    await page.goto(base + path);
    await page.locator("main, form").first().waitFor();
    await page.waitForTimeout(600);
    if (file) await page.screenshot({ path: file, fullPage: true });
    return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  },
  async screenshot({ path, file, width = 1440, scheme = "light" }) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width, height: 900 });
    if (path) await page.goto(base + path);
    await page.waitForTimeout(800);
    await page.screenshot({ path: file });
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  try {
    const command = JSON.parse(line);
    const ok = await actions[command.do](command.with);
    console.log(JSON.stringify({ ok: ok ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.message ?? error) }));
  }
}
await browser.close();
