import { defineConfig } from 'vitest/config';

// Unit tests run in parallel, on every processor; whatever builds namespaces lives in test/integration and runs after them, one
// file at a time, because the machine has one set of them. Time limits only end what hangs: a loaded machine must not fail a test.
export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
          include: ['test/unit/**/*.test.ts', 'test/contract/**/*.test.ts', 'test/native/**/*.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
