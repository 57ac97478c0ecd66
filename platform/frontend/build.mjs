/* Bundles js/<page>.js and css/app.css into ../static/build. `--watch` stays and rebuilds.
   Names carry no hash: Django's manifest storage adds them where files may be cached for ever. */
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "static", "build");
const pages = ["core", "catalogue", "lab", "run", "compare", "claims", "question", "review", "today", "thread", "moderation", "passkeys", "api-docs"];
const shared = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  sourcemap: "linked",
  legalComments: "linked",
  target: ["chrome123", "firefox120", "safari17.5"], // the first with light-dark()
  outdir: out,
  metafile: true,
  logLevel: "warning",
};

const scripts = {
  ...shared,
  entryPoints: pages.map((page) => `js/${page}.js`).filter((file) => existsSync(join(here, file))),
  outbase: "js",
  format: "esm",
  splitting: true,
  chunkNames: "chunk-[hash]",
};
// Runs before the first paint, so it is a classic script of its own.
const theme = { ...shared, entryPoints: ["js/theme.js"], outbase: "js", format: "iife" };
// Browsers that have light-dark() read woff2: KaTeX's older formats stay out.
const woff2Only = {
  name: "woff2-only",
  setup(build) {
    build.onLoad({ filter: /katex\.min\.css$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replace(/,url\([^)]*\.(woff|ttf)\) format\("[^"]*"\)/g, ""),
      loader: "css",
    }));
  },
};
// Formulas are set on the server: their script is for QuickJS, only their style goes to the browser, on the pages that have some.
const formulas = {
  ...shared,
  stdin: { contents: 'export { renderToString, version } from "katex";', resolveDir: here },
  outdir: undefined,
  outfile: join(here, "..", "build", "katex.min.js"),
  format: "iife",
  globalName: "katex",
  sourcemap: false,
  legalComments: "inline",
};
const styles = {
  ...shared,
  entryPoints: ["css/app.css", "css/katex.css", "css/api-docs.css", "css/admin.css"],
  plugins: [woff2Only],
  outbase: "css",
  assetNames: "fonts/[name]",
  loader: { ".woff2": "file" },
};

const contexts = await Promise.all([scripts, theme, styles, formulas].map((options) => esbuild.context(options)));
const built = await Promise.all(contexts.map((context) => context.rebuild()));

// An old chunk must not outlive its page.
const fresh = new Set(built.flatMap((result) => Object.keys(result.metafile.outputs)).map((file) => resolve(here, file)));
for (const entry of readdirSync(out, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath ?? entry.path, entry.name);
  if (entry.isFile() && !fresh.has(file)) rmSync(file);
}
console.log(`${fresh.size} files in ${relative(process.cwd(), out) || "."}`);

// What is sent to browsers, compressed beside it, for sites that serve the files from here.
if (!process.argv.includes("--watch")) {
  for (const file of fresh) {
    if (!file.startsWith(out) || !/\.(js|css)$/.test(file)) continue;
    const content = readFileSync(file);
    writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
    writeFileSync(`${file}.br`, brotliCompressSync(content));
  }
}

if (process.argv.includes("--watch")) {
  await Promise.all(contexts.map((context) => context.watch()));
  console.log("watching js/ and css/; Ctrl-C ends it");
} else {
  await Promise.all(contexts.map((context) => context.dispose()));
}
