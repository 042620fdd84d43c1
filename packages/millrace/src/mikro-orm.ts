export { mikroOrm, type MikroOrmInstance } from './transactions/mikro-orm.ts';
