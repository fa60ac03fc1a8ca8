"""SSH and what runs over it (scp, sftp, rsync), and rsync without it."""

import shutil
from pathlib import Path

from lab import AT_ONCE, command
from services import site, with_own_folders

from . import scenario

SERVER = "10.0.40.2"
PASSWORD = "not-a-secret"

SSHD = """\
Port 22
Port 2222
ListenAddress 10.0.40.2
HostKey {folder}/host_key
PidFile none
UsePAM no
UseDNS no
StrictModes no
PasswordAuthentication yes
AuthorizedKeysFile {folder}/authorized_keys
Subsystem sftp internal-sftp
PrintMotd no
PrintLastLog no
AcceptEnv nothing
"""

# The key exchange that ssh would prefer (sntrup761) computes for about as long as an acknowledgment may be delayed:
# whether one is sent would be luck.
SSH = """\
Host *
    User alice
    HostName 10.0.40.2
    HostKeyAlias server
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
    IdentityFile {folder}/id_ed25519
    IdentitiesOnly yes
    StrictHostKeyChecking yes
    UpdateHostKeys no
    KexAlgorithms curve25519-sha256
    LogLevel ERROR
"""

RSYNCD = """\
port = 873
address = 10.0.40.2
use chroot = no
uid = root
gid = root
[notes]
    path = {home}
    read only = no
"""


def text(lines):
    """A text of many lines that are not too much alike."""
    return "".join(f"Line {number}: {number * number} is the square of {number}, {number ** 3} its cube.\n"
                   for number in range(lines))


def ssh_server(lab, server, home):
    """sshd with alice as a user. It leaves traces in /run and /var/log, so it gets both of its own. Returns a
    function that starts it with a new host key."""
    folder = site(lab, server)
    hashed = command("openssl", "passwd", "-6", PASSWORD).strip()
    server.etc("passwd", Path("/etc/passwd").read_text() + f"alice:x:2000:2000::{home}:/bin/sh\n")
    server.etc("shadow", f"root:*:1::::::\nalice:{hashed}:1::::::\n")
    server.etc("nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
    (folder / "sshd_config").write_text(SSHD.format(folder=folder))
    shutil.copy(lab.folder / "id_ed25519.pub", folder / "authorized_keys")

    def start():
        key = folder / "host_key"
        key.unlink(missing_ok=True)
        command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "server", "-f", key)
        sshd = with_own_folders(shutil.which("sshd"), "-D", "-e", "-f", folder / "sshd_config")
        return server.start("chrt", "--fifo", 1, *sshd, ready=lambda: f"{SERVER}:2222 " in server.run("ss", "-ltn"))

    return start


@scenario("ssh-scp-rsync", "SSH: password and key, scp, sftp, rsync twice, a changed host key; and rsync in the clear",
          needs=["chrt", "openssl", "rsync", "scp", "sftp", "ss", "ssh", "ssh-keygen", "sshd", "sshpass"],
          expect=["tcp.handshake.syn", "tcp.handshake.syn-ack", "tcp.handshake.ack", "tcp.close.fin",
                  "tcp.close.time-wait"],
          shows=[('ssh.protocol contains "OpenSSH" && ip.src == 10.0.40.2', 7), ("ssh.message_code == 20", 14),
                 ("ssh.message_code == 30", 7), ("ssh.message_code == 31 && ssh.host_key.length", 7),
                 ("ssh.message_code == 21", 13),
                 ('ssh.server_host_key_algorithms && !(ssh.server_host_key_algorithms contains "ssh-dss")', 14),
                 ("tcp.dstport == 2222 && tcp.flags.syn == 1", 1),
                 ('frame contains "@RSYNCD:" && tcp.srcport == 873', 6),
                 ('frame contains "is the square of" && tcp.dstport == 873', None)])
def ssh_scp_rsync(lab):
    """client (10.0.40.1) and server (10.0.40.2, OpenSSH and rsync) on one link, captured at the client; the user
    alice, with the password not-a-secret, is known in the server's namespace only. A connection each, from ports
    50001 to 50011: (1) ssh with the password; it is the first contact, the client keeps the server's host key. (2)
    ssh with a key pair; a command leaves hello.txt. (3) scp of notes.txt (5 KB) to the server. (4) sftp: a listing,
    and hello.txt fetched. (5) rsync over ssh of notes.txt to a new name: whole. (6) One line is changed; rsync again:
    only what differs. (7) rsync -z to another new name: compressed, and over an ssh on port 2222 (-e). (8) The same
    notes.txt to an rsync daemon on port 873, with no shell and in the clear. (9) One more line is changed; again to
    the daemon. (10) With -z. (11) The server has been given another host key: ssh compares it with the one kept in
    (1) and gives up before it would log in. ssh is held to one key exchange, curve25519-sha256. (A second pass of
    rsync after a damaged file is not shown.)"""
    client, server = lab.host("client"), lab.host("server")
    at_client, at_server = lab.link(client, "10.0.40.1/24", server, f"{SERVER}/24")
    client.knows(at_server)
    server.knows(at_client)
    home = lab.folder / "alice"
    home.mkdir()
    shutil.chown(home, 2000, 2000)
    config, notes = lab.folder / "ssh_config", lab.folder / "notes.txt"
    config.write_text(SSH.format(folder=lab.folder))
    notes.write_text(text(100))
    command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "alice", "-f", lab.folder / "id_ed25519")
    start = ssh_server(lab, server, home)
    sshd = start()
    rsyncd = site(lab, server) / "rsyncd.conf"
    rsyncd.write_text(RSYNCD.format(home=home))
    server.start("chrt", "--fifo", 1, "rsync", "--daemon", "--no-detach", f"--config={rsyncd}",
                 ready=lambda: f"{SERVER}:873 " in server.run("ss", "-ltn"))
    commands = lab.folder / "commands"
    commands.write_text(f"ls\nget hello.txt {lab.folder}/back.txt\n")
    lab.record(at_client)

    ports = iter(range(50001, 50100))

    def run(*words, attempt=False):
        """Run a client on the next port."""
        port = next(ports)
        client.sysctl({"net.ipv4.ip_local_port_range": f"{port} {port}"})
        (client.attempt if attempt else client.run)(*AT_ONCE, *words)
        lab.wait(0.3)

    ssh = ("ssh", "-F", config)
    run("sshpass", "-p", PASSWORD, *ssh, "-o", "PubkeyAuthentication=no", "-o", "StrictHostKeyChecking=accept-new",
        "server", "echo hello")
    run(*ssh, "server", "echo hello > hello.txt")
    run("scp", "-F", config, notes, "server:")
    run("sftp", "-F", config, "-b", commands, "server")
    over_ssh = ("rsync", "-t", "-e", f"ssh -F {config}")
    run(*over_ssh, notes, "server:synced.txt")
    notes.write_text(notes.read_text().replace("Line 77:", "Line seventy-seven:"))
    run(*over_ssh, notes, "server:synced.txt")
    run("rsync", "-t", "-z", "-e", f"ssh -F {config} -p 2222", notes, "server:compressed.txt")
    run("rsync", "-t", notes, f"rsync://{SERVER}/notes/plain.txt")
    notes.write_text(notes.read_text().replace("Line 88:", "Line eighty-eight:"))
    run("rsync", "-t", notes, f"rsync://{SERVER}/notes/plain.txt")
    run("rsync", "-t", "-z", notes, f"rsync://{SERVER}/notes/packed.txt")
    lab.stop(sshd)
    start()
    run(*ssh, "server", "echo hello", attempt=True)
