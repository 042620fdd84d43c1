import type { Finding } from '../../core/operator/finding.ts';
import type { Fact, HealthFacts } from '../../core/operator/health.ts';

/** Judges facts about one subject. */
export type Judge = (facts: HealthFacts) => readonly Finding[];

type Judged = Omit<Finding, 'check'>;

/** A judge of one fact. One that could not be read is a finding itself. */
export function judgeOf<T>(
  check: string,
  pick: (facts: HealthFacts) => Fact<T>,
  judge: (value: T) => readonly Judged[],
): Judge {
  return (facts) => {
    const fact = pick(facts);
    if (fact.read) return judge(fact.value).map((found) => ({ check, ...found }));
    const message = `This could not be looked at: ${fact.reason}.`;
    return [{ severity: 'unknown', check, message, mend: fact.mend }];
  };
}
