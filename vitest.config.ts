import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // The addon, its thread pool and environment variables are per process.
    pool: "forks",
    // All cores: by default one is left free, which on two cores leaves one.
    maxWorkers: "100%",
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
