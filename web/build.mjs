// Builds the pages into the Python package. `node build.mjs FOLDER` builds into another folder.
import { build } from "esbuild";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const target = process.argv[2] ?? join(here, "../src/attest_governance/web/static");

await mkdir(target, { recursive: true });
const built = await build({
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
  metafile: true,
});
for (const name of ["playground.html", "playground.css", "icon.svg"]) {
  await copyFile(join(here, "pages", name), join(target, name));
}
await writeFile(join(target, "LICENSES.txt"), await licences(Object.keys(built.metafile.inputs)));

// The licences of the packages that went into the bundle, which ask to go with it.
async function licences(inputs) {
  const names = new Set(inputs.map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]).filter(Boolean));
  const texts = [...names].sort().map(async (name) => {
    const text = await readFile(join(here, "node_modules", name, "LICENSE"), "utf8");
    return `${name}\n\n${text.trim()}\n`;
  });
  return (await Promise.all(texts)).join(`\n${"-".repeat(72)}\n\n`);
}
