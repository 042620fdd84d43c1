// Imported by the worker processes of the demo before anything else: they end when the demo does, in whatever way. Their
// standard input is a pipe that only the demo holds.
import type { Socket } from 'node:net';

const input = process.stdin as unknown as Socket;
input.on('error', () => process.exit(1));
input.on('end', () => process.exit(1));
input.resume();
input.unref();
