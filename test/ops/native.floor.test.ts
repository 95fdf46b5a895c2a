/** The same with the weakest instruction set that this architecture can be forced to: its own process, its own environment. */
process.env["STRIATE_ISA"] = process.arch === "arm64" ? "neon" : "sse2";
const { declareNative } = await import("../support/nativeSuite.js");

declareNative();
