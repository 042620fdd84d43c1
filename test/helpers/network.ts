import { execFileSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';

/** A host of its own, as far as the network can tell: a namespace that one cable leads to. */
export interface Host extends Disposable {
  /** The namespace for `WorkerConfig`. */
  readonly namespace: string;
  /** Its address, and ours at the other end of the cable. */
  readonly address: string;
  readonly ours: string;
  /** Pulls the cable out at its end; nobody is told. */
  unplug(): void;
  plug(): void;
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Whether hosts can be made: only root may, and not in every container. */
export function canMakeHosts(): boolean {
  try {
    createHost()[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}

/** In a network that is set apart for measurements, so that no address of the machine is met. */
export function createHost(): Host {
  const namespace = `millrace-${randomBytes(4).toString('hex')}`;
  const outer = `mr${namespace.slice(-8)}o`;
  const inner = `mr${namespace.slice(-8)}i`;
  const network = `198.18.${randomInt(256)}`;
  const [ours, address] = [`${network}.1`, `${network}.2`];
  ip('netns', 'add', namespace);
  const remove = () => {
    process.off('exit', remove);
    // The cable goes with the namespace at its end.
    ip('netns', 'del', namespace);
  };
  process.once('exit', remove);
  try {
    ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', namespace);
    ip('address', 'add', `${ours}/30`, 'dev', outer);
    ip('link', 'set', outer, 'up');
    ip('-n', namespace, 'address', 'add', `${address}/30`, 'dev', inner);
    ip('-n', namespace, 'link', 'set', inner, 'up');
  } catch (error) {
    remove();
    throw error;
  }
  return {
    namespace,
    address,
    ours,
    unplug: () => ip('-n', namespace, 'link', 'set', inner, 'down'),
    plug: () => ip('-n', namespace, 'link', 'set', inner, 'up'),
    [Symbol.dispose]: remove,
  };
}
