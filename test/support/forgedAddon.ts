/** Files that pass for addons where only headers and names are read. */
import type { Target } from "../../scripts/release.js";

const cpus = {
  linux: { x64: 62, arm64: 183 },
  darwin: { x64: 0x01000007, arm64: 0x0100000c },
  win32: { x64: 0x8664, arm64: 0xaa64 },
} as const;

export function forgedAddon({ os, cpu, libc }: Target): Buffer {
  const file = Buffer.alloc(1024);
  const processor = cpus[os][cpu as "x64" | "arm64"];
  file.write("napi_register_module_v1", 512, "latin1");
  if (os === "linux") {
    file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
    file.writeUInt16LE(processor, 18);
    file.write(libc === "musl" ? "libc.musl-x86_64.so.1" : "libc.so.6", 600, "latin1");
  } else if (os === "darwin") {
    file.writeUInt32LE(0xfeedfacf, 0);
    file.writeUInt32LE(processor, 4);
  } else {
    file.write("MZ", 0, "latin1");
    file.writeUInt32LE(128, 0x3c);
    file.write("PE", 128, "latin1");
    file.writeUInt16LE(processor, 132);
  }
  return file;
}
