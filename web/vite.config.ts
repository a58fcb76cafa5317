import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipAsync } from '@gfx/zopfli';
import { defineConfig, type Plugin } from 'vite';
import { en } from './src/i18n/en';
import { ko } from './src/i18n/ko';

// Bytes as sent: for any one page, what it needs beside the frame comes in files of its own; the words of another language than English.
const kMost = { js: 80_000, css: 20_000, words: 20_000 };

/** Names of messages that the sources say as they are; what is made of a kind and a value (`word('use', …)`) is not among them. */
function shortNames(folder: string): Map<string, string> {
  const texts = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((one) => /\.tsx?$/.test(one) && !/\.test\.|^i18n/.test(one))
    .map((one) => readFileSync(join(folder, one), 'utf8')).join('\n');
  const kinds = new Set([...texts.matchAll(/word\('(\w+)'|kind="(\w+)"|`(\w+)\.\$/g)].map((one) => one[1] ?? one[2] ?? one[3]));
  const out = new Map<string, string>();
  let next = 0;
  for (const key of Object.keys(en)) {
    if (!key.includes('.') || kinds.has(key.slice(0, key.indexOf('.'))) || !texts.includes(`'${key}'`)) continue;
    out.set(key, `_${(next++).toString(36)}`);
  }
  return out;
}

/** Messages are sent with short names, and Korean ones with none, in the order of the English ones. */
function messages(): Plugin {
  let short = new Map<string, string>();
  return {
    name: 'messages',
    apply: 'build',
    enforce: 'pre',
    configResolved: (config) => void (short = shortNames(join(config.root, 'src'))),
    transform(code, id) {
      if (id.endsWith('/src/i18n/ko.ts')) {
        const said = (Object.keys(en) as (keyof typeof en)[]).map((key) => ko[key]).join('\n');
        return `import { en } from './en';
const said = ${JSON.stringify(said)}.split('\\n');
export const ko = Object.fromEntries(Object.keys(en).map((key, i) => [key, said[i]]));`;
      }
      return /\/src\/.*\.tsx?$/.test(id) ? code.replace(/'(\w+\.[\w.-]+)'/g, (whole, key: string) => (short.has(key) ? `'${short.get(key)}'` : whole)) : null;
    },
  };
}

const isWords = (chunk: { facadeModuleId?: string | null }) => /\/i18n\/\w+\.ts$/.test(chunk.facadeModuleId ?? '');

type Bundle = Parameters<Extract<Plugin['writeBundle'], (...of: never[]) => unknown>>[1];

/** The files that each page needs: those of the frame, and those of one `import()` of it. */
function pagesOf(bundle: Bundle): Set<string>[] {
  const chunks = Object.values(bundle).filter((one) => one.type === 'chunk');
  const needs = (name: string, into: Set<string>): Set<string> => {
    if (!into.has(name)) for (const one of chunks.find((chunk) => chunk.fileName === name)!.imports) needs(one, into.add(name));
    return into.add(name);
  };
  const frame = chunks.filter((one) => one.isEntry).map((one) => one.fileName);
  return chunks.filter((one) => one.isDynamicEntry && !isWords(one)).map((one) => [...frame, one.fileName].reduce((into, name) => needs(name, into), new Set<string>()));
}

/** Writes FILE.gz beside each file, and fails a build that has grown over its limits. */
function packed(): Plugin {
  let folder = '';
  return {
    name: 'packed',
    apply: 'build',
    configResolved: (config) => void (folder = join(config.root, config.build.outDir)),
    async writeBundle(options, bundle) {
      folder = options.dir ?? folder;
      const size = new Map<string, number>();
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || entry.name.endsWith('.gz')) continue;
        const path = join(entry.parentPath, entry.name);
        const small = await gzipAsync(readFileSync(path), { numiterations: 15 }); // 5 % less than gzip -9
        writeFileSync(`${path}.gz`, small);
        size.set(entry.name, small.length);
      }
      const sum = (names: Iterable<string>) => [...names].reduce((all, name) => all + size.get(basename(name))!, 0);
      const js = Math.max(...pagesOf(bundle).map(sum));
      const css = sum([...size.keys()].filter((one) => one.endsWith('.css')));
      const words = Math.max(...Object.values(bundle).filter((one) => one.type === 'chunk' && isWords(one)).map((one) => sum([one.fileName])));
      for (const [kind, has] of Object.entries({ js, css, words }) as [keyof typeof kMost, number][]) {
        this.info(`${kind}: ${(has / 1000).toFixed(1)} of ${kMost[kind] / 1000} kB gzip`);
        if (has > kMost[kind]) this.error(`${kind} has ${has} bytes gzip; at most ${kMost[kind]}`);
      }
    },
  };
}

export default defineConfig(({ command }) => ({
  // Files find each other relative to where they are, so that one build serves under any context path.
  base: command === 'serve' ? '/k8s-monitor/' : './',
  oxc: { jsx: { runtime: 'classic', pragma: 'h', pragmaFrag: 'Fragment' }, jsxInject: `import { h, Fragment } from 'preact'` }, // shorter than the automatic one
  plugins: [messages(), packed()],
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false, cssCodeSplit: false },
  server: {
    proxy: { '/k8s-monitor/api': { target: process.env.TESSERA_SERVER ?? 'http://127.0.0.1:8080' } },
  },
}));
