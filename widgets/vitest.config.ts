import { defineConfig } from 'vitest/config';

// Engines, wire and store run in Node; a file that needs a page says so: // @vitest-environment happy-dom
export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  test: { include: ['src/**/*.test.{ts,tsx}'], environment: 'node', testTimeout: 10_000 },
} as Parameters<typeof defineConfig>[0]);
