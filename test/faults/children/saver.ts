/** Run by the test of killed savers: saves models over one another until it is killed, and tells when it has begun. */
import { saveModelFile } from "../../../lib/io/modelFile.js";

const folder = process.argv[2]!;
for (let value = Number(process.argv[3]); ; value++) {
  const data = new Float32Array(1 << 18).fill(value);
  await saveModelFile(folder, {
    graph: { layers: [] },
    tensors: new Map([["w", { shape: [data.length], data }]]),
    metadata: { value },
  });
  process.stdout.write(".");
}
