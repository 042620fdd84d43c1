import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MillraceModule } from './millrace.module.ts';
import { SignUpsController } from './sign-ups.controller.ts';

@Module({ imports: [MillraceModule], controllers: [SignUpsController] })
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks(); // SIGTERM runs the hooks of MillraceModule
const port = Number(process.env['PORT'] ?? 3000);
await app.listen(port, '127.0.0.1');
console.log(`listening on http://127.0.0.1:${port}`);
