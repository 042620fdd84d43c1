import { jobStatus } from '../../../../sign-ups.ts';

export async function GET(
  _request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  const job = await jobStatus((await params).id);
  return job ? Response.json(job) : new Response(null, { status: 404 });
}
