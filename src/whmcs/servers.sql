-- What `panelgate import whmcs` reads of WHMCS 7 and later: servers, who may sign in to them, and roles.
-- It asks for no password and no access hash. Run it with a user that may read these seven tables:
--   mariadb --batch --raw --skip-column-names --default-character-set=utf8mb4 whmcs < whmcs.sql > whmcs.jsonl
-- (or `mysql`, from MySQL 5.7.22 on). Each line of the answer is a JSON object; the last one says how many there are.
START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY;
SELECT JSON_OBJECT('row', 'begin', 'format', 1);
SELECT JSON_OBJECT('row', 'server', 'id', id, 'name', IFNULL(name, ''), 'hostname', IFNULL(hostname, ''),
    'ipaddress', IFNULL(ipaddress, ''), 'module', IFNULL(type, ''), 'username', IFNULL(username, ''),
    'secure', IFNULL(secure, ''), 'port', port, 'disabled', IFNULL(disabled, 0))
    FROM tblservers ORDER BY id;
SELECT JSON_OBJECT('row', 'permission', 'server', server_id, 'role', role_id)
    FROM tblserversssoperms ORDER BY server_id, role_id;
SELECT JSON_OBJECT('row', 'group', 'server', r.serverid, 'name', IFNULL(g.name, ''))
    FROM tblservergroupsrel r JOIN tblservergroups g ON g.id = r.groupid ORDER BY r.serverid, r.groupid;
-- 131 is the permission "WHMCS Connect".
SELECT JSON_OBJECT('row', 'role', 'id', o.id, 'name', IFNULL(o.name, ''),
    'connects', (SELECT COUNT(*) FROM tbladminperms p WHERE p.roleid = o.id AND p.permid = 131),
    'people', (SELECT COUNT(*) FROM tbladmins a WHERE a.roleid = o.id AND a.disabled = 0))
    FROM tbladminroles o ORDER BY o.id;
SELECT JSON_OBJECT('row', 'end', 'servers', (SELECT COUNT(*) FROM tblservers),
    'permissions', (SELECT COUNT(*) FROM tblserversssoperms),
    'groups', (SELECT COUNT(*) FROM tblservergroupsrel r JOIN tblservergroups g ON g.id = r.groupid),
    'roles', (SELECT COUNT(*) FROM tbladminroles));
COMMIT;
