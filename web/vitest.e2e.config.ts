import { defineConfig } from 'vitest/config';

// Real browser, real server: one thing after the other.
export default defineConfig({
  test: { environment: 'node', include: [process.env['TESSERA_SCREENSHOTS'] ? 'e2e/screenshots.ts' : 'e2e/**/*.test.ts'], fileParallelism: false, testTimeout: 30_000, hookTimeout: 60_000 },
});
