import type { JobContext } from '../core/job-definition.ts';
import type { ClaimedJob } from '../core/job.ts';
import type { Json } from '../core/json.ts';
import { throughLayers } from '../core/layers.ts';
import {
  confidentially,
  transformed,
  type AttemptContext,
  type Layers,
} from '../core/middleware.ts';
import { outcomeRequest } from '../core/outcome.ts';
import { readPayload } from '../core/payload-version.ts';
import type { HandledJobSettings, HeldJob } from './held-job.ts';
import type { Call, Surroundings } from './run-attempt.ts';

/** A payload that its middleware has decoded: as the codec stored it, and as the handler gets it. */
interface Opened {
  readonly stored: Json;
  readonly payload: unknown;
}

/** Decodes a stored payload. @throws what middleware or codec throw */
export async function openPayload(
  { kind, payload, payloadVersion: version }: ClaimedJob,
  settings: HandledJobSettings,
  layers: Layers,
): Promise<Opened> {
  const stored = await transformed(payload, layers.decode, { kind, version });
  return {
    stored,
    payload: await confidentially(layers, 'MILLRACE_PAYLOAD_UNREADABLE', () =>
      readPayload(stored, version, settings),
    ),
  };
}

/** The handler with what stands around it; also around one that is isolated, which gets what the codec stored. */
export function callThrough(
  layers: Layers,
  { stored, payload }: Opened,
  context: JobContext,
  { job, settings }: Pick<HeldJob, 'job' | 'settings'>,
  { isolation }: Pick<Surroundings, 'isolation'>,
): Call {
  const { handler, isolate } = settings;
  return async (more) => {
    Object.assign(context, more);
    // Inherits, for some of the context is made when it is first asked for.
    const seen = Object.create(context, {
      payload: { value: payload, enumerable: true },
    }) as AttemptContext;
    return throughLayers(layers.attempt, seen, {
      change: () => seen,
      innermost: () =>
        answering(() =>
          isolate === undefined
            ? handler(payload, context)
            : isolation.run({ ...job, payload: stored }, isolate, context),
        ),
    });
  };
}

/** What a handler asks for is no error, also when it throws it: whoever wraps errors must not take it for one. */
async function answering(run: () => unknown): Promise<unknown> {
  try {
    return await run();
  } catch (thrown) {
    if (outcomeRequest(thrown) === undefined) throw thrown;
    return thrown;
  }
}
