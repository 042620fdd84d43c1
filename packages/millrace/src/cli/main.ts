#!/usr/bin/env node
// An old Node.js must be able to read this file to its end and say what is wrong: plain syntax only, and nothing is
// imported before the check.
const [major, minor] = process.versions.node.split('.').map(Number);

if (major === undefined || minor === undefined || major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `MILLRACE_NODE_TOO_OLD: this is Node.js ${process.versions.node}. Use Node.js 22.18 or newer.\n`,
  );
  process.exitCode = 1;
} else {
  void import('./program.ts').then(({ runProgram }) => runProgram(process.argv.slice(2)));
}
