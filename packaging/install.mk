# ---- Installing: a part of the Makefile, which says how what is installed is built ----

PREFIX = /usr/local
export BINDIR = $(PREFIX)/bin
export LIBDIR = $(PREFIX)/lib
export INCLUDEDIR = $(PREFIX)/include
export DATADIR = $(PREFIX)/share
export PREFIX VERSION SONAME LIBRARIES

stage: all $(SHARED) | build/setup-install
	packaging/stage.sh $(BUILD)
install: stage
	mkdir -p '$(DESTDIR)/' && cp -R -P $(BUILD)/stage/. '$(DESTDIR)/'
uninstall: stage
	cd $(BUILD)/stage && find . ! -type d | (cd '$(DESTDIR)/' && xargs rm -f)
	rm -rf '$(DESTDIR)$(LIBDIR)/cmake/eigentensor'

# What is packed says when it was released, not when it was made, so that the same sources give the
# same bytes: the time of the newest entry of debian/changelog.
ifndef SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH := $(shell sed -n '/^ -- .*>  /{s///p;q}' debian/changelog | date +%s -f -)
endif
export SOURCE_DATE_EPOCH

DIST = eigentensor-$(VERSION)
dist:
	mkdir -p $(BUILD) && git archive --prefix=$(DIST)/ HEAD | gzip -n9 >$(BUILD)/$(DIST).tar.gz

# What a release has for people to fetch.
release: dist static-musl wheel
	rm -rf $(BUILD)/release && mkdir $(BUILD)/release
	cp $(BUILD)/$(DIST).tar.gz $(STATIC_MUSL) $(BUILD)/wheel/eigentensor-$(VERSION)-*.whl \
	    $(BUILD)/release
	cd $(BUILD)/release && sha256sum * >SHA256SUMS && cat SHA256SUMS

# The Debian packages of what is committed, in $(BUILD)/deb, and what lintian says of them.
.PHONY: deb
deb: dist | build/setup-deb
	packaging/deb.sh $(BUILD) $(DIST)

# The documentation as a site, in $(BUILD)/docs.
docs: | build/setup-docs
	packaging/site/build.sh $(BUILD)/docs

# A wheel for pip that needs nothing but the C library, in $(BUILD)/wheel.
wheel: $(SHARED) | build/setup-wheel
	packaging/wheel.sh $(BUILD) $(CROSS)

# What the shared library offers by its header; tests/packaging/test_install.sh holds later
# ones against it.
ABI = packaging/eigentensor.abi
abi: $(SHARED) | build/setup-test
	packaging/abi.sh describe $(SHARED) >$(ABI)
