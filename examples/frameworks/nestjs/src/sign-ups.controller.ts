import {
  Body,
  Catch,
  Controller,
  Get,
  HttpCode,
  HttpException,
  Inject,
  NotFoundException,
  Param,
  Post,
  UseFilters,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import type { Response } from 'express';
import type { Millrace } from 'millrace';
import { errorResponse, jobStatus, signUp } from '../../sign-ups.ts';
import { MILLRACE } from './millrace.module.ts';

@Catch()
class ErrorFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost) {
    const response = host.switchToHttp().getResponse<Response>();
    if (error instanceof HttpException) {
      response.status(error.getStatus()).json(error.getResponse());
      return;
    }
    const { status, body } = errorResponse(error);
    response.status(status).json(body);
  }
}

@Controller()
@UseFilters(ErrorFilter)
export class SignUpsController {
  @Inject(MILLRACE) private readonly millrace!: Millrace;

  @Post('sign-ups')
  @HttpCode(202)
  async create(@Body() body: { email?: unknown } | undefined) {
    return { jobId: await signUp(body?.email) };
  }

  @Get('jobs/:id')
  async status(@Param('id') id: string) {
    const job = await jobStatus(id);
    if (!job) throw new NotFoundException();
    return job;
  }

  /** What the injected object is good for beyond the shared functions. */
  @Get('kinds')
  kinds() {
    return [...this.millrace.jobs.keys()];
  }
}
