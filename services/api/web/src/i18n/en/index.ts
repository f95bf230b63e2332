import account from "./account";
import callbacks from "./callbacks";
import common from "./common";
import desk from "./desk";
import integrations from "./integrations";
import live from "./live";
import people from "./people";
import records from "./records";
import routing from "./routing";

export default { ...account, ...callbacks, ...common, ...desk, ...integrations, ...live, ...people, ...records, ...routing };
