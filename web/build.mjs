// Builds the pages into the Python package. `node build.mjs FOLDER` builds into another folder.
import { build } from "esbuild";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const target = process.argv[2] ?? join(here, "../src/attest_governance/web/static");

await mkdir(target, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: { playground: "src/playground.ts" },
  outdir: target,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
});
for (const name of ["playground.html", "playground.css", "icon.svg"]) {
  await copyFile(join(here, "pages", name), join(target, name));
}
