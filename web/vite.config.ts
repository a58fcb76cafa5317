import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

const kMost = { js: 80_000, css: 20_000 }; // bytes as sent, in all

/** Writes FILE.gz beside each file, and fails a build that has grown over its limits. */
function packed(): Plugin {
  let folder = '';
  return {
    name: 'packed',
    apply: 'build',
    configResolved: (config) => void (folder = join(config.root, config.build.outDir)),
    writeBundle(options) {
      folder = options.dir ?? folder;
      const size = { js: 0, css: 0 };
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || entry.name.endsWith('.gz')) continue;
        const path = join(entry.parentPath, entry.name);
        const small = gzipSync(readFileSync(path), { level: 9 });
        writeFileSync(`${path}.gz`, small);
        for (const kind of ['js', 'css'] as const) if (entry.name.endsWith(`.${kind}`)) size[kind] += small.length;
      }
      for (const kind of ['js', 'css'] as const) {
        this.info(`${kind}: ${(size[kind] / 1000).toFixed(1)} of ${kMost[kind] / 1000} kB gzip`);
        if (size[kind] > kMost[kind]) this.error(`${kind} has ${size[kind]} bytes gzip; at most ${kMost[kind]}`);
      }
    },
  };
}

export default defineConfig(({ command }) => ({
  // Files find each other relative to where they are, so that one build serves under any context path.
  base: command === 'serve' ? '/k8s-monitor/' : './',
  plugins: [packed()],
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false, cssCodeSplit: false },
  server: {
    proxy: { '/k8s-monitor/api': { target: process.env.TESSERA_SERVER ?? 'http://127.0.0.1:8080' } },
  },
}));
