"""The packages that the emulated repositories offer: real Wolfi names, plausible versions, some dependencies.

A line reads `name version [older version ...] [> dependency ...] [= name that only one package may provide]
[& name that several may provide] [! what it conflicts with] [@ its only architecture]`. What a line becomes belongs to
`index.py`, choosing among packages to `solver.py`.
"""

import functools

from reconciler.emulator.index import Index, Package

# Two packages that ship the same file with different contents, so that installing both fails.
SHARED_FILES: dict[tuple[str, str], str] = {
    ("libcurl-openssl4", "libcurl-rustls4"): "usr/lib/libcurl.so.4.8.0",
    ("busybox", "busybox-full"): "usr/bin/busybox",
}

_TABLE = """
acl 2.3.2-r54
apk-tools 2.14.10-r7 > ca-certificates-bundle glibc libcrypto3 libssl3 zlib
attr 2.5.2-r53 > glibc
autoconf 2.72-r3 > bash m4 perl
aws-lc-fips 3.1.0-r0 > glibc
automake 1.18.1-r0 > autoconf bash perl
aws-cli-2 2.31.3-r0 2.30.7-r0 > groff less python-3.13
bash 5.3-r3 5.2.37-r34 > glibc ncurses readline & cmd:bash cmd:sh
bc 1.08.2-r1 > glibc readline
bind-tools 9.20.13-r0 > glibc libcrypto3 libuv
binutils 2.45-r2 > glibc zlib
bison 3.8.2-r53 > glibc m4
bouncycastle-fips 2.1.1-r0
brotli 1.1.0-r8 > glibc libbrotlicommon1
bubblewrap 0.11.0-r3 > glibc libcap
build-base 1-r9 > binutils gcc glibc-dev make
bun 1.2.23-r0 > glibc
busybox 1.37.0-r50 > glibc & cmd:sh cmd:vi cmd:wget
busybox-full 1.37.0-r50 > glibc
bzip2 1.0.8-r22 > glibc
ca-certificates 20250911-r0 > ca-certificates-bundle
ca-certificates-bundle 20250911-r0
cairo 1.18.4-r5 > fontconfig glibc libpng
ccache 4.12-r0 > glibc zstd
chromium 141.0.7390.54-r0 > fontconfig glibc nss
cmake 4.1.2-r0 3.31.8-r1 > glibc libcurl-openssl4
composer 2.8.12-r0 > php-8.4
coredns 1.13.1-r0 > glibc
coreutils 9.8-r0 > acl attr glibc libcrypto3
cosign 3.0.2-r0 2.6.1-r0 > glibc
crane 0.20.6-r4 > glibc
cri-tools 1.34.0-r2 > glibc
curl 8.16.0-r1 8.15.0-r2 > glibc libcurl-openssl4 & cmd:curl
curl-rustls 8.16.0-r1 > glibc libcurl-rustls4
deno 2.5.4-r0 > glibc
dive 0.13.1-r8 > glibc
docker-cli 28.5.1-r0 > ca-certificates-bundle glibc
dotnet-9-runtime 9.0.10-r0 > glibc icu libgcc libstdc++
dumb-init 1.2.5-r12 > glibc
envoy-1.36 1.36.1-r0 > glibc
etcd-3.6 3.6.5-r1 > glibc
expat 2.7.3-r0 > glibc libexpat1
fd 10.3.0-r1 > glibc libgcc
ffmpeg 8.0-r3 > glibc libssl3
file 5.46-r6 > glibc libmagic
findutils 4.10.0-r7 > glibc
flex 2.6.4-r9 > glibc m4
fluent-bit 4.1.0-r1 > glibc libssl3 yaml
flux 2.7.2-r0 > glibc
fontconfig 2.17.1-r2 > expat freetype glibc
freetype 2.14.1-r1 > brotli glibc libpng
fzf 0.65.2-r1 > glibc
gawk 5.3.2-r3 > glibc readline
gcc 15.2.0-r4 > binutils glibc libgcc libstdc++
gdb 16.3-r4 > glibc ncurses python-3.13
gettext 0.26-r1 > glibc
gh 2.82.0-r0 > git glibc
ghostscript 10.06.0-r1 > fontconfig glibc
git 2.51.0-r2 2.50.1-r3 > expat glibc libcurl-openssl4 pcre2 & cmd:git
git-lfs 3.7.0-r4 > git glibc
glab 1.74.0-r0 > git glibc
glibc 2.42-r3 > glibc-locale-posix ld-linux
glibc-dev 2.42-r3 > glibc
glibc-locale-en 2.42-r3 > glibc
glibc-locale-posix 2.42-r3
gmp 6.3.0-r8 > glibc
gnupg 2.4.8-r2 > glibc libgcrypt readline
gnutls 3.8.10-r1 > glibc gmp
go-1.24 1.24.8-r0 > bash build-base = go
go-1.25 1.25.2-r0 1.25.1-r1 > bash build-base = go
golangci-lint 2.5.0-r1 > glibc
gomplate 4.3.3-r4 > glibc
goreleaser 2.12.5-r0 > glibc
gradle-8 8.14.3-r3 > openjdk-21-jre
graphviz 14.0.1-r0 > cairo glibc
grep 3.12-r3 > glibc pcre2
groff 1.23.0-r53 > glibc perl
grpcurl 1.9.3-r9 > glibc
grype 0.100.0-r0 > glibc
gzip 1.14-r3 > glibc
haproxy-3.0 3.0.11-r1 > glibc libssl3 pcre2 = haproxy
haproxy-3.2 3.2.6-r0 3.2.4-r1 > glibc libssl3 pcre2 = haproxy
helm 3.19.0-r1 > glibc
htop 3.4.1-r3 > glibc ncurses
hugo 0.151.0-r0 > glibc libstdc++
icu 77.1-r2 > glibc libstdc++
intel-media-driver 25.3.4-r0 > glibc libstdc++ @ x86_64
imagemagick 7.1.2.5-r0 > fontconfig freetype glibc
inotify-tools 4.23.9.0-r5 > glibc
iproute2 6.17.0-r0 > glibc libcap
iptables 1.8.11-r32 > glibc
iputils 20250605-r2 > glibc libcap
jemalloc 5.3.0-r9 > glibc
jq 1.8.1-r2 1.7.1-r24 > glibc oniguruma & cmd:jq
k9s 0.50.15-r1 > glibc
kubectl-1.33 1.33.5-r1 > glibc
kubectl-1.34 1.34.1-r1 > glibc
kustomize 5.7.1-r3 > glibc
kvmtool-arm 20250213-r1 > glibc @ aarch64
ld-linux 2.42-r3
less 685-r0 > glibc ncurses
libbrotlicommon1 1.1.0-r8 > glibc
libcap 2.76-r3 > glibc
libcrypto3 3.6.0-r2 3.5.4-r0 > glibc = so:libcrypto.so.3
libcurl-openssl4 8.16.0-r1 8.15.0-r2 > brotli glibc libcrypto3 libnghttp2-14 libssl3 zlib
libcurl-rustls4 8.16.0-r1 > brotli glibc libnghttp2-14 zlib
libexpat1 2.7.3-r0 > glibc
libffi 3.5.2-r1 > glibc
libgcc 15.2.0-r4 > glibc
libgcrypt 1.11.2-r1 > glibc
libmagic 5.46-r6 > glibc
libnghttp2-14 1.67.1-r0 > glibc
libpcap 1.10.5-r5 > glibc
libpng 1.6.50-r1 > glibc zlib
libpq-17 17.6-r3 > glibc libssl3
libpq-18 18.0-r1 > glibc libssl3
libssl3 3.6.0-r2 3.5.4-r0 > glibc libcrypto3 = so:libssl.so.3
libstdc++ 15.2.0-r4 > glibc libgcc
libunwind 1.8.3-r0 > glibc
libuv 1.51.0-r3 > glibc
libxml2 2.15.0-r2 > glibc zlib
libxslt 1.1.43-r8 > glibc libxml2
logrotate 3.22.0-r7 > glibc
lsof 4.99.5-r3 > glibc
lua5.4 5.4.8-r3 > glibc
lz4 1.10.0-r8 > glibc
m4 1.4.20-r2 > glibc
make 4.4.1-r54 > glibc
mariadb-11.4 11.4.8-r1 > bash glibc libssl3 = mariadb
mariadb-11.8 11.8.3-r2 > bash glibc libssl3 = mariadb
maven 3.9.11-r2 > openjdk-21-jre
memcached 1.6.39-r3 > glibc libssl3
microdnf 3.10.1_rc1-r0 3.10.0-r2 > glibc so:libssl.so.3 so:libz.so.1
mini-sh 1.0-r2 > cmd:sh ! bash
mkcert 1.4.4-r33 > glibc
nano 8.6-r2 > glibc ncurses
ncurses 6.5_p20251010-r0 > glibc ncurses-terminfo-base
ncurses-terminfo-base 6.5_p20251010-r0
net-tools 2.10-r9 > glibc
netcat-openbsd 1.234.1-r0 > glibc
nginx-mainline 1.29.2-r0 1.29.1-r1 > glibc libssl3 pcre2 zlib = nginx
nginx-stable 1.28.0-r8 > glibc libssl3 pcre2 zlib = nginx
nmap 7.98-r1 > glibc libssl3
nodejs-20 20.19.5-r1 > glibc libcrypto3 libssl3 libstdc++ = nodejs
nodejs-22 22.20.0-r1 22.19.0-r2 > glibc libcrypto3 libssl3 libstdc++ = nodejs
nodejs-24 24.10.0-r0 > glibc libcrypto3 libssl3 libstdc++ = nodejs
npm 11.6.2-r0 > nodejs
nss 3.117-r0 > glibc sqlite-libs
oniguruma 6.9.10-r3 > glibc
opa 1.9.0-r1 > glibc
openjdk-17 17.0.17.4-r0 > openjdk-17-jre
openjdk-17-jre 17.0.17.4-r0 > fontconfig glibc libstdc++
openjdk-21 21.0.9.4-r0 > openjdk-21-jre
openjdk-21-default-jvm 21.0.9.4-r0 > openjdk-21-jre = default-jvm
openjdk-21-jre 21.0.9.4-r0 > fontconfig glibc libstdc++
openjdk-25 25.0.1.2-r0 > openjdk-25-jre
openjdk-25-default-jvm 25.0.1.2-r0 > openjdk-25-jre = default-jvm
openjdk-25-jre 25.0.1.2-r0 > fontconfig glibc libstdc++
openssh-client 10.2_p1-r0 > glibc libcrypto3 zlib
openssh-keygen 10.2_p1-r0 > glibc libcrypto3
openssh-server 10.2_p1-r0 > glibc libcrypto3 openssh-keygen
openssl 3.6.0-r2 3.5.4-r0 > glibc libcrypto3 libssl3
openssl-provider-fips 3.1.2-r1 > libcrypto3
openssl-provider-legacy 3.5.4-r0 > libcrypto3<3.6
opentofu-1.10 1.10.6-r1 > glibc
parallel 20250922-r0 > perl
patch 2.8-r2 > glibc
pcre2 10.46-r1 > glibc
perl 5.42.0-r3 > glibc
php-8.3 8.3.26-r0 > glibc libxml2 oniguruma zlib = php
php-8.4 8.4.13-r0 > glibc libxml2 oniguruma zlib = php
php-8.4-curl 8.4.13-r0 > glibc libcurl-openssl4 php-8.4
php-8.4-gd 8.4.13-r0 > freetype glibc libpng php-8.4
php-8.4-intl 8.4.13-r0 > glibc icu php-8.4
php-8.4-pdo_pgsql 8.4.13-r0 > glibc libpq-17 php-8.4
pigz 2.8-r7 > glibc zlib
pkgconf 2.5.1-r1 > glibc
pnpm 10.18.3-r0 > nodejs
podman 5.6.2-r0 > glibc iptables
poetry 2.2.1-r0 > python-3.13
postgresql-17 17.6-r3 > bash glibc libpq-17 libxml2 = postgresql
postgresql-17-client 17.6-r3 > glibc libpq-17 readline
postgresql-17-contrib 17.6-r3 > glibc postgresql-17
postgresql-18 18.0-r1 > bash glibc libpq-18 libxml2 = postgresql
procps 4.0.5-r41 > glibc ncurses
protoc 32.1-r0 > glibc libstdc++
py3.12-pip 25.2-r2 > python-3.12
py3.13-pip 25.2-r2 > python-3.13
py3.13-setuptools 80.9.0-r2 > python-3.13
python-3.12 3.12.12-r0 3.12.11-r5 > expat glibc libcrypto3 libffi libssl3 ncurses readline sqlite-libs
python-3.12-dev 3.12.12-r0 > python-3.12
python-3.13 3.13.9-r0 3.13.7-r3 > expat glibc libcrypto3 libffi libssl3 ncurses readline sqlite-libs
python-3.13-dev 3.13.9-r0 > python-3.13
readline 8.3-r1 > glibc ncurses
redis-8.2 8.2.2-r0 8.2.1-r2 > glibc libssl3 = redis
ripgrep 14.1.1-r8 > glibc pcre2
rsync 3.4.1-r6 > acl glibc lz4 zstd
ruby-3.3 3.3.9-r2 > glibc gmp libffi yaml = ruby
ruby-3.4 3.4.7-r0 3.4.6-r1 > glibc gmp libffi yaml = ruby
ruby-3.4-dev 3.4.7-r0 > ruby-3.4
rust-1.90 1.90.0-r0 > build-base libgcc
sed 4.9-r42 > acl glibc
shadow 4.18.0-r4 > glibc
skopeo 1.20.0-r6 > glibc
socat 1.8.0.3-r6 > glibc libssl3 readline
sops 3.11.0-r0 > glibc
sqlite 3.50.4-r2 > glibc readline sqlite-libs
sqlite-libs 3.50.4-r2 > glibc
strace 6.17-r0 > glibc
sudo-rs 0.2.9-r0 > glibc
syft 1.33.0-r1 > glibc
tar 1.35-r8 > acl glibc
tcpdump 4.99.5-r4 > glibc libpcap
tini 0.19.0-r24 > glibc
tmux 3.5a-r6 > glibc ncurses
tree 2.2.1-r5 > glibc
trivy 0.67.2-r0 > glibc
tzdata 2025b-r2
unzip 6.0-r11 > bzip2 glibc
util-linux 2.41.2-r1 > glibc ncurses
uv 0.9.2-r0 > glibc libgcc
valkey-8.1 8.1.4-r0 > glibc libssl3
valkey-cli 8.1.4-r0 > glibc ! redis-8.2
vim 9.1.1841-r0 > glibc ncurses & cmd:vi cmd:vim
wget 1.25.0-r4 > glibc libssl3 pcre2 & cmd:wget
wolfi-base 1-r7 > apk-tools busybox ca-certificates-bundle glibc-locale-posix wolfi-keys
wolfi-baselayout 20230201-r24
wolfi-keys 1-r12
xz 5.8.1-r5 > glibc
yaml 0.2.5-r43 > glibc
yarn 1.22.22-r53 > nodejs
yq 4.48.1-r0 > glibc
zip 3.0-r8 > bzip2 glibc
zlib 1.3.1-r51 > glibc = so:libz.so.1
zsh 5.9-r14 > glibc ncurses
zstd 1.5.7-r4 > glibc
"""


# Packages that the repositories have and that no organisation here is entitled to.
WITHHELD = frozenset({"aws-lc-fips", "bouncycastle-fips", "openssl-provider-fips"})

# Packages that are made together with another one: its name, then theirs.
_MADE_TOGETHER = """
bind bind-tools
ca-certificates ca-certificates-bundle
curl curl-rustls libcurl-openssl4 libcurl-rustls4
expat libexpat1
file libmagic
gcc libgcc libstdc++
glibc glibc-dev glibc-locale-en glibc-locale-posix ld-linux
ncurses ncurses-terminfo-base
openssh openssh-client openssh-keygen openssh-server
openssl libcrypto3 libssl3
postgresql-17 libpq-17
postgresql-18 libpq-18
sqlite sqlite-libs
"""
ORIGINS = {name: origin for origin, *names in map(str.split, _MADE_TOGETHER.strip().splitlines()) for name in names}


@functools.cache
def packages() -> dict[str, Package]:
    """Return all packages by name, those included that nobody may use."""
    return {package.name: package for package in map(_package, _TABLE.strip().splitlines())}


@functools.cache
def index() -> Index:
    """Return what an organisation may use."""
    offered = {name: package for name, package in packages().items() if name not in WITHHELD}
    return Index(packages=offered, shared_files=SHARED_FILES)


def _package(line: str) -> Package:
    return Package.parsed(line, ORIGINS)
