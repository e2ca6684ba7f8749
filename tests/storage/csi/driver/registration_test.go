package main

import (
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

func TestKubeletLearnsWhereTheDriverIs(t *testing.T) {
	given := settings{name: "csi.detour.dev", socket: "/csi.sock", registration: t.TempDir()}
	server, refused, err := register(given)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	socket := filepath.Join(given.registration, "csi.detour.dev-reg.sock")
	connection, err := grpc.NewClient("unix://"+socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	kubelet := registration.NewRegistrationClient(connection)
	told, err := kubelet.GetInfo(t.Context(), &registration.InfoRequest{})
	if err != nil || told.Type != "CSIPlugin" || told.Name != given.name ||
		told.Endpoint != given.socket {
		t.Errorf("%v, %v", told, err)
	}
	no := &registration.RegistrationStatus{Error: "no such version"}
	if _, err := kubelet.NotifyRegistrationStatus(t.Context(), no); err != nil {
		t.Fatal(err)
	}
	if err := <-refused; err == nil {
		t.Error("a refusal is an error")
	}
}
