import { errorResponse, signUp } from '../../../sign-ups.ts';

export async function POST(request: Request): Promise<Response> {
  try {
    const { email } = (await request.json()) as { email?: unknown };
    return Response.json({ jobId: await signUp(email) }, { status: 202 });
  } catch (error) {
    const { status, body } = errorResponse(error);
    return Response.json(body, { status });
  }
}
