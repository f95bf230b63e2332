// The entry, with all that it loads at once, must stay small: pages are lazy.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const MAX_KB = 150;
const page = readFileSync("dist/index.html", "utf8");
const scripts = [...page.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map((match) => match[1]);
const bytes = scripts.reduce((sum, file) => sum + gzipSync(readFileSync(`dist/${file}`)).length, 0);
const kb = Math.round(bytes / 102.4) / 10;
console.log(`entry: ${kb} kB gzip in ${scripts.length} scripts (at most ${MAX_KB})`);
if (scripts.length === 0 || kb > MAX_KB) process.exit(1);
