/** The checks of the packed package (`npm run check:package`). They install and build: apart from the tests of `npm test`. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/package/*.check.ts"],
    globalSetup: "test/package/pack.ts",
    pool: "forks",
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});
