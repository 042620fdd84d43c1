import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { EmptySchema, type Empty } from '@bufbuild/protobuf/wkt';
import { createMillrace, defineJob, every, type InputOf } from 'millrace';
import { protobuf } from 'millrace/protobuf';
import { describe, expectTypeOf, it } from 'vitest';
import { EverythingSchema, PlaceSchema, type Everything } from '../fixtures/gen/payloads_pb.ts';

const millrace = createMillrace();

describe('W8: protobuf payloads', () => {
  it('take a message or its fields, and give the handler a message', () => {
    const job = defineJob({
      kind: 'a',
      payload: protobuf(EverythingSchema),
      handler(payload) {
        expectTypeOf(payload).toEqualTypeOf<Everything>();
        expectTypeOf(payload.big).toEqualTypeOf<bigint>();
        expectTypeOf(payload.data).toExtend<Uint8Array>();
      },
    });
    expectTypeOf<InputOf<typeof job>>().toEqualTypeOf<MessageInitShape<typeof EverythingSchema>>();
    expectTypeOf<InputOf<typeof job>>().not.toBeAny();
    void millrace.enqueue(job, { text: 'a', big: 5n });
    void millrace.enqueue(job, create(EverythingSchema));
  });

  it('are checked field by field', () => {
    const job = defineJob({ kind: 'a', payload: protobuf(PlaceSchema) });
    // @ts-expect-error a number is no text
    void millrace.enqueue(job, { city: 5 });
    // @ts-expect-error there is no such field
    void millrace.enqueue(job, { town: 'Ulm' });
    // @ts-expect-error that is a message of another type
    void millrace.enqueue(job, create(EverythingSchema));
  });

  it('may be empty: then schedules and enqueueing need no payload', () => {
    const job = defineJob({
      kind: 'a',
      payload: protobuf(EmptySchema, { encoding: 'binary' }),
      schedule: every('15m'),
      handler(payload) {
        expectTypeOf(payload).toEqualTypeOf<Empty>();
      },
    });
    void millrace.enqueue(job);
    void millrace.enqueue(job, {}, { delay: '1s' });
    job.with();
  });

  it('come in two encodings', () => {
    // @ts-expect-error there is no such encoding
    protobuf(EmptySchema, { encoding: 'text' });
  });
});
