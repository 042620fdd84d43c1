/**
 * What is imported, or undefined where it needs prom-client and that is not installed: then there is no page of metrics, and
 * everything else works.
 */
export async function ifPromClient<T>(imported: Promise<T>): Promise<T | undefined> {
  try {
    return await imported;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  const isUnfound =
    error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
  return isUnfound && error.message.includes("'prom-client'");
}

/** What to tell whoever expects that page. */
export const withoutMetrics = 'no /metrics: prom-client is not installed (npm install prom-client)';
