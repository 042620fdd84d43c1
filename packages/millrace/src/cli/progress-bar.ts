/** How far something has come, on the terminal of stderr; nothing where that is none. */
export interface ProgressBar {
  /** @param share from 0 to 1 */
  show(share: number, text: string): void;
  clear(): void;
}

const width = 30;

export function progressBar(stream: NodeJS.WriteStream = process.stderr): ProgressBar {
  if (!stream.isTTY) return { show() {}, clear() {} };
  let isShown = false;
  return {
    show(share, text) {
      isShown = true;
      const done = Math.floor(Math.min(1, Math.max(0, share)) * width);
      const bar = '█'.repeat(done) + '░'.repeat(width - done);
      const line = `${bar} ${String(Math.floor(share * 100)).padStart(3)} %  ${text}`;
      stream.write(`\r\u001B[K${line.slice(0, stream.columns - 1)}`);
    },
    clear() {
      if (isShown) stream.write('\r\u001B[K');
      isShown = false;
    },
  };
}
