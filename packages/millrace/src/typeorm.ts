export { typeorm, type TypeOrmDataSource } from './transactions/typeorm.ts';
