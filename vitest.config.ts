import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // The addon, its thread pool and environment variables are per process.
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
