export default () => globalThis.millraceTestServer.stop();
