import account from "./account";
import common from "./common";
import desk from "./desk";
import live from "./live";
import people from "./people";
import records from "./records";
import routing from "./routing";

export default { ...account, ...common, ...desk, ...live, ...people, ...records, ...routing };
