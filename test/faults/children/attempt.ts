/** Prints one line: the name, and "ok" or the code of the error; what has no code, or a message of several lines, shows. */
export async function attempt(name: string, call: () => unknown): Promise<void> {
  try {
    await call();
    console.log(name, "ok");
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    console.log(name, code ?? error, message.includes("\n") ? "in several lines" : "");
  }
}
