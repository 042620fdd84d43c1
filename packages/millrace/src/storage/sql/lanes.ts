/** The lanes that hold anything, found by going from one to the next: a recursive CTE that reads one row of each. */
export function lanes(s: string): string {
  return `lane AS (
  (SELECT j.queue, j.priority FROM ${s}.job j WHERE NOT j.gated ORDER BY j.queue, j.priority DESC LIMIT 1)
  UNION ALL
  SELECT next.queue, next.priority FROM lane l CROSS JOIN LATERAL (
    (SELECT j.queue, j.priority FROM ${s}.job j WHERE NOT j.gated AND j.queue = l.queue AND j.priority < l.priority
      ORDER BY j.priority DESC LIMIT 1)
    UNION ALL
    (SELECT j.queue, j.priority FROM ${s}.job j WHERE NOT j.gated AND j.queue > l.queue
      ORDER BY j.queue, j.priority DESC LIMIT 1)
    LIMIT 1) next
)`;
}
